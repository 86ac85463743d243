//! The files under folders, found on all threads.

use std::collections::HashSet;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

/// A file that was found.
pub struct File {
    pub path: PathBuf,
    /// In bytes, when it was found.
    pub length: u64,
    /// The same for all hard links to it; unknown on systems that do not report it.
    identity: Option<(u64, u64)>,
}

/// What a walk found.
#[derive(Default)]
pub struct Found {
    pub files: Vec<File>,
    /// What could not be read, and why.
    pub unreadable: Vec<String>,
    folders: Vec<PathBuf>,
}

/// The files at and under `paths`, in that order; those of a folder in the order
/// of their names. Links are followed only if they are named in `paths`.
///
/// Runs on the threads of the pool that it is called in.
pub fn find(paths: &[PathBuf]) -> Found {
    let mut all = Found::default();
    for path in paths {
        let mut under = Found::default();
        under.insert(path.clone(), fs::metadata(path));
        while !under.folders.is_empty() {
            let folders = std::mem::take(&mut under.folders);
            let lists: Vec<Found> = folders.par_iter().map(|folder| list(folder)).collect();
            lists.into_iter().for_each(|list| under.extend(list));
        }
        // The sort is fast: whole folders are in order already.
        under.files.sort_by(|a, b| a.path.cmp(&b.path));
        all.extend(under);
    }
    all
}

/// The direct entries of a folder.
fn list(folder: &Path) -> Found {
    let mut found = Found::default();
    let mut entries: Vec<io::Result<DirEntry>> = match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) => {
            found.push_unreadable(folder, &error);
            return found;
        }
    };
    entries.sort_by_cached_key(|entry| entry.as_ref().map(DirEntry::file_name).ok());
    // Each entry's metadata takes a system call.
    let entries: Vec<_> =
        entries.into_par_iter().with_min_len(64).map(|entry| Ok(metadata(&entry?))).collect();
    for entry in entries {
        match entry {
            Ok((path, metadata)) => found.insert(path, metadata),
            Err(error) => found.push_unreadable(folder, &error),
        }
    }
    found
}

fn metadata(entry: &DirEntry) -> (PathBuf, io::Result<Metadata>) {
    (entry.path(), entry.metadata())
}

impl Found {
    fn insert(&mut self, path: PathBuf, metadata: io::Result<Metadata>) {
        match metadata {
            Ok(metadata) if metadata.is_dir() => self.folders.push(path),
            Ok(metadata) if metadata.is_file() => {
                self.files.push(File { path, length: metadata.len(), identity: identity(&metadata) });
            }
            Ok(_) => {}
            Err(error) => self.push_unreadable(&path, &error),
        }
    }

    fn push_unreadable(&mut self, path: &Path, error: &io::Error) {
        self.unreadable.push(format!("cannot read {}: {error}", path.display()));
    }

    fn extend(&mut self, other: Found) {
        self.files.extend(other.files);
        self.unreadable.extend(other.unreadable);
        self.folders.extend(other.folders);
    }

    /// Keeps the first hard link to each file, and returns the number of others.
    pub fn drop_hard_links(&mut self) -> usize {
        let before = self.files.len();
        let mut seen = HashSet::with_capacity(before);
        self.files.retain(|file| file.identity.is_none_or(|identity| seen.insert(identity)));
        before - self.files.len()
    }
}

/// The device and the file's number on it.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<(u64, u64)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_the_order_of_their_names_at_every_depth() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["a", "a.b/c", "a-b", "b/a/z", "b/a/y/x", "b/b", "c/a"];
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let found = find(&[folder.path().join("c"), folder.path().into(), folder.path().join("none")]);
        let found_names: Vec<_> = found
            .files
            .iter()
            .map(|file| file.path.strip_prefix(&folder).unwrap().to_str().unwrap())
            .collect();
        let expected = ["c/a", "a", "a-b", "a.b/c", "b/a/y/x", "b/a/z", "b/b", "c/a"];
        assert_eq!(found_names, expected);
        assert_eq!(found.files[4].length, 7);
        assert_eq!(found.unreadable.len(), 1);
        assert!(found.unreadable[0].contains("none: "), "{:?}", found.unreadable);
    }

    #[cfg(unix)]
    #[test]
    fn the_first_hard_link_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| folder.path().join(name));
        fs::write(&b, "content").unwrap();
        fs::write(&c, "content").unwrap();
        fs::hard_link(&b, &a).unwrap();
        let mut found = find(&[folder.path().into(), c.clone()]);
        assert_eq!(found.drop_hard_links(), 2);
        assert_eq!(found.files.iter().map(|file| &file.path).collect::<Vec<_>>(), [&a, &c]);
    }
}

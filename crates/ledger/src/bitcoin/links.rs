//! The links between blocks: each block names the previous one by its hash.

use std::collections::HashMap;

use verilane::Digest;

/// A block's place in the chain and in the files.
#[derive(Clone, Debug)]
pub struct Link {
    /// The block's hash.
    pub hash: Digest,
    /// The hash of the previous block.
    pub previous: Digest,
    /// The height that the block states.
    pub height: Option<u64>,
    /// The number of the file that has the block.
    pub file: usize,
    /// The position of the block in the file.
    pub position: u64,
}

/// The broken links, with the reason. Blocks may be in any order. If the named block is
/// not among them, a link is broken only if another block has the height below it.
pub fn broken(links: &[Link]) -> impl Iterator<Item = (&Link, String)> {
    let by_hash: HashMap<Digest, &Link> = links.iter().map(|link| (link.hash, link)).collect();
    let by_height: HashMap<u64, &Link> = links.iter().filter_map(|link| Some((link.height?, link))).collect();
    links.iter().filter_map(move |link| {
        let height = link.height?;
        let named = link.previous.reversed();
        if let Some(parent) = by_hash.get(&link.previous) {
            let found = parent.height.filter(|&found| height.checked_sub(1) != Some(found))?;
            return Some((
                link,
                format!("its height is {height}, that of the block before it, {named}, is {found}"),
            ));
        }
        let other = by_height.get(&height.checked_sub(1)?)?.hash.reversed();
        Some((
            link,
            format!("it names {named} as the block before it, but that of height {} is {other}", height - 1),
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(hash: u8, previous: u8, height: impl Into<Option<u64>>) -> Link {
        let [hash, previous] = [hash, previous].map(|byte| Digest([byte; 32]));
        Link { hash, previous, height: height.into(), file: 0, position: 0 }
    }

    fn broken_hashes(links: &[Link]) -> Vec<u8> {
        broken(links).map(|(link, _)| link.hash.0[0]).collect()
    }

    #[test]
    fn sound_chains_pass_in_any_order() {
        let mut chain = vec![link(3, 2, 9), link(1, 0, 7), link(2, 1, 8), link(4, 3, None)];
        assert!(broken_hashes(&chain).is_empty());
        chain.push(link(5, 2, 9));
        assert!(broken_hashes(&chain).is_empty(), "a fork is not a failure");
        chain.remove(2);
        assert!(broken_hashes(&chain).is_empty(), "a missing block breaks no link");
    }

    #[test]
    fn wrong_heights_and_wrong_names_are_found() {
        assert_eq!(broken_hashes(&[link(1, 0, 7), link(2, 1, 9)]), [2]);
        assert_eq!(broken_hashes(&[link(2, 6, 8), link(1, 0, 7), link(3, 2, 9)]), [2]);
        assert_eq!(broken_hashes(&[link(1, 0, u64::MAX), link(2, 1, 0)]), [2]);
        assert!(broken_hashes(&[link(2, 6, 0)]).is_empty());
    }
}

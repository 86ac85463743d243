//! The caller's memory, checked before anything is read or written.

use std::marker::PhantomData;
use std::ops::Range;

use bytemuck::Pod;

use super::status::{Failure, Status};
use verilane::Records;

/// The largest number of items in one call: the largest position that 32 bits hold.
///
/// A larger count is refused before any memory is read.
pub const VERILANE_MAX_ITEMS: u64 = 4294967295;

/// The memory that one call accesses, valid for `'a`.
pub(super) struct Memory<'a> {
    claims: Vec<Claim>,
    caller: PhantomData<&'a ()>,
}

struct Claim {
    name: &'static str,
    range: Range<usize>,
    written: bool,
}

impl<'a> Memory<'a> {
    /// # Safety
    /// Every pointer that is passed to this value, unless it is null, must point to as
    /// many items as are claimed there. During `'a`, only the caller of this function
    /// may write to items that are read, or access items that are written.
    pub unsafe fn of_caller() -> Self {
        Memory { claims: Vec::new(), caller: PhantomData }
    }

    /// `count` items that the call reads. A count of zero needs no pointer.
    pub fn read<T: Pod>(
        &mut self,
        name: &'static str,
        pointer: *const T,
        count: usize,
    ) -> Result<&'a [T], Failure> {
        if count == 0 {
            return Ok(&[]);
        }
        self.claim(name, pointer, count, false)?;
        // SAFETY: `claim` has checked that the pointer is aligned and not null, that the
        // size fits the address space, and that no output overlaps it. Outputs are only
        // written through their pointers. The rest was promised to `of_caller`.
        Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
    }

    /// Exactly `N` bytes that the call reads.
    pub fn read_array<const N: usize>(
        &mut self,
        name: &'static str,
        pointer: *const u8,
    ) -> Result<[u8; N], Failure> {
        let bytes = self.read(name, pointer, N)?;
        Ok(bytes.try_into().expect("`read` gives that many bytes"))
    }

    /// A column of `n` byte strings in `bytes`, at `n + 1` offsets. If `n` is zero, no
    /// offset is read.
    pub fn records(
        &mut self,
        bytes: *const u8,
        bytes_len: usize,
        offsets: *const u64,
        n: usize,
    ) -> Result<Records<'a>, Failure> {
        let bytes = self.read("bytes", bytes, bytes_len)?;
        let offsets = if n == 0 { &[0] } else { self.read("offsets", offsets, n + 1)? };
        Ok(Records::new(bytes, offsets)?)
    }

    /// `count` items that the call writes once everything else has succeeded.
    pub fn write<T: Copy>(
        &mut self,
        name: &'static str,
        pointer: *mut T,
        count: usize,
    ) -> Result<Output<'a, T>, Failure> {
        if count > 0 {
            self.claim(name, pointer, count, true)?;
        }
        Ok(Output { pointer, count, caller: PhantomData })
    }

    /// One item that the call writes, unless the pointer is null.
    pub fn write_if_wanted<T: Copy>(
        &mut self,
        name: &'static str,
        pointer: *mut T,
    ) -> Result<Option<Output<'a, T>>, Failure> {
        if pointer.is_null() {
            return Ok(None);
        }
        self.write(name, pointer, 1).map(Some)
    }

    fn claim<T>(
        &mut self,
        name: &'static str,
        pointer: *const T,
        count: usize,
        written: bool,
    ) -> Result<(), Failure> {
        let refuse = |status, message| Err(Failure::new(status, message));
        if pointer.is_null() {
            return refuse(Status::Null, format!("{name} is null, but {count} items are expected there"));
        }
        if !pointer.is_aligned() {
            let alignment = align_of::<T>();
            return refuse(
                Status::Misaligned,
                format!("{name} at {pointer:p} is not aligned to {alignment} bytes"),
            );
        }
        let start = pointer.addr();
        let bytes = count.checked_mul(size_of::<T>()).filter(|&bytes| bytes <= isize::MAX as usize);
        let Some(end) = bytes.and_then(|bytes| start.checked_add(bytes)) else {
            let width = size_of::<T>();
            return refuse(
                Status::Length,
                format!("{name}: {count} items of {width} bytes exceed the address space"),
            );
        };
        let range = start..end;
        let overlapping = self.claims.iter().find(|other| {
            (written || other.written) && range.start < other.range.end && other.range.start < range.end
        });
        if let Some(other) = overlapping {
            return refuse(
                Status::Overlap,
                format!("{name} and {} overlap: an output needs memory of its own", other.name),
            );
        }
        self.claims.push(Claim { name, range, written });
        Ok(())
    }
}

/// Memory that a call may write once.
pub(super) struct Output<'a, T> {
    pointer: *mut T,
    count: usize,
    caller: PhantomData<&'a ()>,
}

impl<T: Copy> Output<'_, T> {
    /// # Panics
    /// If the number of values is not the number claimed.
    pub fn fill(self, values: &[T]) {
        assert_eq!(values.len(), self.count);
        self.fill_front(values);
    }

    /// # Panics
    /// If there are more values than claimed.
    pub fn fill_front(self, values: &[T]) {
        assert!(values.len() <= self.count);
        if values.is_empty() {
            return;
        }
        // SAFETY: `Memory::write` has checked that the pointer is aligned, not null, and
        // apart from everything that the call reads; the rest was promised to `of_caller`.
        unsafe { self.pointer.copy_from_nonoverlapping(values.as_ptr(), values.len()) };
    }
}

/// Refuses more items than a call takes.
pub(super) fn check_items(items: usize) -> Result<(), Failure> {
    let limit = verilane::dedup::MAX_FINGERPRINTS;
    if items > limit {
        return Err(verilane::Error::TooMany { items, limit }.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status<T>(result: Result<T, Failure>) -> Status {
        result.map_or_else(|failure| failure.status, |_| Status::Ok)
    }

    #[test]
    fn claims_are_checked_before_memory_is_touched() {
        let mut words = [1_u64, 2, 3, 4];
        let pointer = words.as_mut_ptr();
        // SAFETY: all reads are in `words`; other claims are refused.
        let mut memory = unsafe { Memory::of_caller() };
        assert_eq!(memory.read("in", pointer, 2).unwrap(), [1, 2]);
        assert_eq!(memory.read("again", pointer, 1).unwrap(), [1]);
        assert!(memory.read("none", std::ptr::null::<u64>(), 0).unwrap().is_empty());
        assert_eq!(status(memory.read("null", std::ptr::null::<u64>(), 1)), Status::Null);
        let odd = pointer.wrapping_byte_add(1);
        assert_eq!(status(memory.read("odd", odd, 1)), Status::Misaligned);
        for count in [usize::MAX, usize::MAX / 8, isize::MAX as usize / 8 + 1] {
            assert_eq!(status(memory.read("long", pointer, count)), Status::Length);
        }
        let last = std::ptr::without_provenance::<u64>(usize::MAX - 7);
        assert_eq!(status(memory.read("end", last, 1)), Status::Length);
        assert_eq!(status(memory.write("out", pointer.wrapping_add(1), 1)), Status::Overlap);
        memory.write("out", pointer.wrapping_add(2), 1).unwrap().fill(&[7]);
        assert_eq!(status(memory.read("in", pointer.wrapping_add(2), 1)), Status::Overlap);
        assert_eq!(status(memory.write("two", pointer.wrapping_add(2), 1)), Status::Overlap);
        assert_eq!(words, [1, 2, 7, 4]);
    }

    #[test]
    fn the_limit_is_that_of_the_library() {
        assert_eq!(VERILANE_MAX_ITEMS, verilane::dedup::MAX_FINGERPRINTS as u64);
    }
}

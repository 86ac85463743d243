//! Columns of byte strings, packed in one buffer.

use std::borrow::Cow;
use std::ops::Range;

use crate::Error;

/// A column of byte strings (records): one buffer, and `len + 1` offsets into it.
///
/// Record `i` is `bytes[offsets[i]..offsets[i + 1]]`. This is the layout of Arrow's
/// `LargeBinary` arrays. As there, a slice of a column keeps the whole buffer, so its first
/// offset may not be 0.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: Cow<'a, [u8]>,
    offsets: Cow<'a, [u64]>,
}

impl<'a> Records<'a> {
    /// Borrows a packed column.
    ///
    /// # Errors
    /// [`Error::Offsets`] if there is no offset, if an offset is lower than the one before
    /// it, or if the last one is past the end of `bytes`.
    pub fn new(bytes: &'a [u8], offsets: &'a [u64]) -> Result<Self, Error> {
        check_offsets(bytes.len(), offsets)?;
        Ok(Records { bytes: Cow::Borrowed(bytes), offsets: Cow::Borrowed(offsets) })
    }

    /// Borrows `bytes` as records of `width` bytes each.
    ///
    /// # Errors
    /// [`Error::Width`] if `width` is 0 or does not divide `bytes.len()`.
    pub fn from_fixed(bytes: &'a [u8], width: usize) -> Result<Self, Error> {
        if width == 0 || !bytes.len().is_multiple_of(width) {
            return Err(Error::Width { bytes: bytes.len(), width });
        }
        let offsets = (0..=bytes.len() as u64).step_by(width).collect();
        Ok(Records { bytes: Cow::Borrowed(bytes), offsets: Cow::Owned(offsets) })
    }

    /// Borrows `bytes` as consecutive records of these lengths, in bytes.
    ///
    /// # Errors
    /// [`Error::Lengths`] if the lengths do not add up to `bytes.len()`.
    pub fn from_lengths(bytes: &'a [u8], lengths: &[u32]) -> Result<Self, Error> {
        let ends = lengths.iter().scan(0, |end, &length| {
            *end += u64::from(length);
            Some(*end)
        });
        let offsets: Vec<u64> = std::iter::once(0).chain(ends).collect();
        let total = offsets[lengths.len()];
        if total != bytes.len() as u64 {
            return Err(Error::Lengths { bytes: bytes.len(), total });
        }
        Ok(Records { bytes: Cow::Borrowed(bytes), offsets: Cow::Owned(offsets) })
    }

    /// Copies byte strings into a new column.
    pub fn from_slices<T: AsRef<[u8]>>(slices: impl IntoIterator<Item = T>) -> Records<'static> {
        let mut records = Records::default();
        records.extend(slices);
        records
    }

    /// An empty column with capacity for `records` byte strings of `bytes` bytes in total.
    ///
    /// # Panics
    /// If the capacity is more than memory can have, as [`Vec::with_capacity`] does.
    pub fn with_capacity(records: usize, bytes: usize) -> Records<'static> {
        let mut offsets = Vec::with_capacity(records + 1);
        offsets.push(0);
        Records { bytes: Cow::Owned(Vec::with_capacity(bytes)), offsets: Cow::Owned(offsets) }
    }

    /// Appends a byte string. A borrowed column is copied first.
    pub fn push(&mut self, record: &[u8]) {
        self.push_parts([record]);
    }

    /// Removes all records and keeps the capacity of owned columns.
    #[cfg(feature = "queue")]
    pub(crate) fn clear(&mut self) {
        clear(&mut self.bytes);
        clear(&mut self.offsets);
        self.offsets.to_mut().push(0);
    }

    /// Appends the concatenation of `parts` as one byte string. A borrowed column is copied
    /// first.
    pub fn push_parts<const N: usize>(&mut self, parts: [&[u8]; N]) {
        let end = self.end();
        let bytes = self.bytes.to_mut();
        bytes.truncate(end);
        for part in parts {
            bytes.extend_from_slice(part);
        }
        let end = bytes.len() as u64;
        self.offsets.to_mut().push(end);
    }

    fn end(&self) -> usize {
        self.offsets[self.len()] as usize
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Record `index`.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Records::len), as slice indexing does.
    #[inline]
    pub fn get(&self, index: usize) -> &[u8] {
        &self.bytes[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    /// The length of record `index` in bytes.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Records::len), as slice indexing does.
    #[inline]
    pub fn length(&self, index: usize) -> usize {
        (self.offsets[index + 1] - self.offsets[index]) as usize
    }

    /// The records in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        (0..self.len()).map(|index| self.get(index))
    }

    /// The records at the positions `range`, borrowed.
    ///
    /// # Panics
    /// If `range` starts after its end or ends past the last record, as slicing does.
    pub fn slice(&self, range: Range<usize>) -> Records<'_> {
        Records {
            bytes: Cow::Borrowed(&self.bytes),
            offsets: Cow::Borrowed(&self.offsets[range.start..range.end + 1]),
        }
    }

    /// The total length of all records in bytes.
    pub fn total_bytes(&self) -> u64 {
        self.offsets[self.len()] - self.offsets[0]
    }

    /// The whole buffer. The records are at [`offsets`](Records::offsets); other bytes may
    /// come before the first and after the last.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The `len + 1` offsets into [`bytes`](Records::bytes).
    pub fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    /// Splits `0..len` into ranges of at most `max_records` records and `max_bytes` bytes
    /// each. A range has at least one record, even if the limits are smaller: a record
    /// longer than `max_bytes` gets its own range.
    pub fn chunks(&self, max_records: usize, max_bytes: u64) -> impl Iterator<Item = Range<usize>> {
        let mut start = 0;
        std::iter::from_fn(move || {
            if start == self.len() {
                return None;
            }
            let limit = self.offsets[start].saturating_add(max_bytes);
            let max_count = max_records.clamp(1, self.len() - start);
            let fitting = self.offsets[start + 1..][..max_count].partition_point(|&end| end <= limit);
            let range = start..start + fitting.max(1);
            start = range.end;
            Some(range)
        })
    }
}

/// Copies byte strings into a new column.
impl<T: AsRef<[u8]>> FromIterator<T> for Records<'static> {
    fn from_iter<I: IntoIterator<Item = T>>(slices: I) -> Self {
        Records::from_slices(slices)
    }
}

/// Appends byte strings. A borrowed column is copied first.
impl<T: AsRef<[u8]>> Extend<T> for Records<'_> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, slices: I) {
        for slice in slices {
            self.push(slice.as_ref());
        }
    }
}

/// An empty column.
impl Default for Records<'_> {
    fn default() -> Self {
        Records::with_capacity(0, 0)
    }
}

/// Removes all values; an owned column keeps its capacity.
#[cfg(feature = "queue")]
pub(crate) fn clear<T: Clone>(column: &mut Cow<'_, [T]>) {
    match column {
        Cow::Borrowed(_) => *column = Cow::Borrowed(&[]),
        Cow::Owned(values) => values.clear(),
    }
}

fn check_offsets(bytes: usize, offsets: &[u64]) -> Result<(), Error> {
    let Some(&last) = offsets.last() else {
        return Err(Error::Offsets { index: 0, reason: "a column needs at least one offset" });
    };
    if let Some(index) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
        return Err(Error::Offsets { index: index + 1, reason: "it is lower than the one before it" });
    }
    if last > bytes as u64 {
        return Err(Error::Offsets {
            index: offsets.len() - 1,
            reason: "it lies past the end of the buffer",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_checked_before_use() {
        assert!(matches!(Records::new(b"abc", &[]), Err(Error::Offsets { index: 0, .. })));
        assert!(matches!(Records::new(b"abc", &[0, 2, 1]), Err(Error::Offsets { index: 2, .. })));
        assert!(matches!(Records::new(b"abc", &[0, 4]), Err(Error::Offsets { index: 1, .. })));
        assert!(matches!(Records::new(b"abc", &[0, u64::MAX]), Err(Error::Offsets { index: 1, .. })));
        assert!(matches!(Records::from_fixed(b"abc", 2), Err(Error::Width { bytes: 3, width: 2 })));
        assert!(matches!(Records::from_fixed(b"", 0), Err(Error::Width { bytes: 0, width: 0 })));
        assert!(matches!(Records::from_lengths(b"abc", &[1, 1]), Err(Error::Lengths { bytes: 3, total: 2 })));
        let total = 2 * u64::from(u32::MAX);
        let result = Records::from_lengths(b"abc", &[u32::MAX; 2]);
        assert!(matches!(result, Err(Error::Lengths { bytes: 3, total: found }) if found == total));
    }

    #[test]
    fn slices_keep_the_buffer_and_can_grow() {
        let packed: Records = ["a", "", "bcd", "ef"].into_iter().collect();
        let slice = packed.slice(2..3);
        assert_eq!((slice.len(), slice.get(0), slice.total_bytes()), (1, &b"bcd"[..], 3));
        let mut grown = slice.clone();
        grown.extend([b"xyz"]);
        assert_eq!(grown.iter().collect::<Vec<_>>(), [&b"bcd"[..], b"xyz"]);
        assert_eq!(packed.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b"bcd", b"ef"]);
    }

    #[test]
    fn lengths_split_the_buffer() {
        let records = Records::from_lengths(b"abcd", &[1, 0, 3]).unwrap();
        assert_eq!(records.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b"bcd"]);
        assert!(Records::from_lengths(b"", &[]).unwrap().is_empty());
    }

    #[test]
    fn chunks_cover_every_record_once() {
        let packed = Records::from_slices(["aaaa", "", "b", "cc", "dddddddd", "e"]);
        let chunks: Vec<_> = packed.chunks(10, 4).collect();
        assert_eq!(chunks, [0..2, 2..4, 4..5, 5..6]);
        assert_eq!(packed.chunks(1, u64::MAX).count(), 6);
        assert_eq!(Records::from_slices::<&str>([]).chunks(5, 5).count(), 0);
    }
}

//! Buffers and their reuse: storage on the device, staging on the host's side.
//!
//! Creating a buffer costs an allocation and, at its first use, a clearing; so
//! each goes back to the pool and serves the next call. Upload staging stays
//! mapped while it is in the pool.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Deref;

use super::device::Device;
use crate::Fault;

/// What a buffer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Kernels read and write it, as storage or as uniforms.
    Storage,
    /// Likewise, and it stays: the device holds on to it.
    Resident,
    /// The host writes it, the device copies from it.
    Upload,
    /// The device copies to it, the host reads it.
    ReadBack,
    /// Timestamps are resolved to it.
    Query,
}

impl Use {
    fn usages(self) -> wgpu::BufferUsages {
        use wgpu::BufferUsages as Usages;
        match self {
            Use::Storage | Use::Resident => {
                Usages::STORAGE | Usages::UNIFORM | Usages::COPY_DST | Usages::COPY_SRC
            }
            Use::Upload => Usages::MAP_WRITE | Usages::COPY_SRC,
            Use::ReadBack => Usages::MAP_READ | Usages::COPY_DST,
            Use::Query => Usages::QUERY_RESOLVE | Usages::COPY_SRC,
        }
    }
}

/// Buffers that wait for their next use, the longest waiting first.
///
/// What is dropped while a batch is put together may still be named in it, so it
/// rests until the batch is submitted; one batch is put together at a time.
pub(super) struct Pool {
    resting: RefCell<Vec<(Use, wgpu::Buffer)>>,
    free: RefCell<Vec<(Use, wgpu::Buffer)>>,
    resident: RefCell<HashMap<&'static str, wgpu::Buffer>>,
    max_size: u64,
}

/// How many buffers wait at most, and of how many bytes together: a call uses a
/// dozen or two, of tens of megabytes each.
const KEPT: usize = 64;
const KEPT_BYTES: u64 = 1 << 30;

impl Pool {
    pub fn new(max_size: u64) -> Self {
        Pool { resting: RefCell::default(), free: RefCell::default(), resident: RefCell::default(), max_size }
    }

    fn take(&self, device: &wgpu::Device, usage: Use, length: u64) -> wgpu::Buffer {
        let size = size_class(length).min(self.max_size).max(length.next_multiple_of(16));
        let mut free = self.free.borrow_mut();
        if let Some(index) = free.iter().position(|(kind, buffer)| *kind == usage && buffer.size() == size) {
            return free.remove(index).1;
        }
        device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size,
            usage: usage.usages(),
            mapped_at_creation: usage == Use::Upload,
        })
    }

    fn put(&self, usage: Use, buffer: wgpu::Buffer) {
        self.resting.borrow_mut().push((usage, buffer));
    }

    /// Frees what rests: the batch that may name it has been submitted.
    pub fn submitted(&self) {
        let mut free = self.free.borrow_mut();
        free.append(&mut self.resting.borrow_mut());
        let mut bytes = free.iter().map(|(_, buffer)| buffer.size()).sum::<u64>();
        while free.len() > KEPT || bytes > KEPT_BYTES {
            bytes -= free.remove(0).1.size();
        }
    }
}

/// Four sizes in each octave, so that buffers of nearly equal length are shared.
fn size_class(length: u64) -> u64 {
    let length = length.max(4096);
    length.next_multiple_of((length + 1).next_power_of_two() / 8)
}

/// A buffer of `len` bytes. On the device it goes back to the pool when dropped;
/// staging does so only through [`recycle`](Buffer::recycle), since the device
/// may still be at work on it.
pub(crate) struct Buffer<'d> {
    device: &'d Device,
    usage: Use,
    raw: Option<wgpu::Buffer>,
    len: u64,
}

impl<'d> Buffer<'d> {
    pub(super) fn new(device: &'d Device, usage: Use, len: u64) -> Result<Self, Fault> {
        if len > device.limits.max_buffer_size {
            let limit = device.limits.max_buffer_size;
            return Err(Fault::OutOfMemory(format!("a buffer of {len} bytes is above the limit of {limit}")));
        }
        let raw = device.pool.take(&device.raw, usage, len);
        device.check()?;
        Ok(Buffer { device, usage, raw: Some(raw), len: len.max(4).next_multiple_of(4) })
    }

    /// The storage called `name`, which stays for the device's life; `fill` fills
    /// it at its first use.
    pub(super) fn resident(
        device: &'d Device,
        name: &'static str,
        len: u64,
        fill: impl FnOnce(&Buffer<'d>) -> Result<(), Fault>,
    ) -> Result<Self, Fault> {
        if let Some(raw) = device.pool.resident.borrow().get(name) {
            return Ok(Buffer { device, usage: Use::Resident, raw: Some(raw.clone()), len });
        }
        let buffer = Buffer::new(device, Use::Resident, len)?;
        fill(&buffer)?;
        device.pool.resident.borrow_mut().insert(name, (*buffer).clone());
        Ok(buffer)
    }

    /// The length asked for, in whole words.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// All of it as binding number `binding`, in whole vectors of four words.
    pub(super) fn entry(&self, binding: u32) -> wgpu::BindGroupEntry<'_> {
        let size = wgpu::BufferSize::new(self.len.next_multiple_of(16));
        wgpu::BindGroupEntry {
            binding,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: self, offset: 0, size }),
        }
    }

    /// Writes `bytes` to mapped upload staging, with several threads where that pays.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), Fault> {
        let raw: &wgpu::Buffer = self;
        let size = piece_size(bytes.len());
        in_threads(bytes.chunks(size).enumerate(), |(index, piece)| {
            let start = (index * size) as u64;
            let range = start..start + piece.len().next_multiple_of(8) as u64;
            let mut view = raw.slice(range).get_mapped_range_mut().map_err(lost)?;
            view.slice(..piece.len()).copy_from_slice(piece);
            Ok(())
        })
    }

    /// What the device has copied to mapped read-back staging.
    pub(super) fn read<R>(&self, read: impl FnOnce(&[u8]) -> R) -> Result<R, Fault> {
        let view = self.slice(..self.len.next_multiple_of(8)).get_mapped_range().map_err(lost)?;
        Ok(read(&view[..self.len as usize]))
    }

    /// Lets staging serve again: upload staging must be mapped, read-back must not.
    pub(super) fn recycle(mut self) {
        let raw = self.raw.take().expect("nothing else takes it");
        self.device.pool.put(self.usage, raw);
    }
}

/// Copies bytes of equal number, with several threads where that pays.
pub(super) fn copy(from: &[u8], to: &mut [u8]) -> Result<(), Fault> {
    let size = piece_size(from.len());
    in_threads(to.chunks_mut(size).zip(from.chunks(size)), |(to, from)| {
        to.copy_from_slice(from);
        Ok(())
    })
}

/// What a thread copies: enough to be worth starting it, and not for too many.
fn piece_size(bytes: usize) -> usize {
    const THREADS: usize = 16;
    const LEAST: usize = 4 << 20;
    bytes.div_ceil(THREADS).next_multiple_of(4096).max(LEAST)
}

/// Runs `work` on every piece, in a thread for each if there are several.
///
/// A shared pool would not do: a thread that waits in it may take up another
/// call, and that one waits for the device, which this one holds.
fn in_threads<T: Send>(
    mut pieces: impl ExactSizeIterator<Item = T>,
    work: impl Fn(T) -> Result<(), Fault> + Sync,
) -> Result<(), Fault> {
    if pieces.len() < 2 {
        return pieces.try_for_each(work);
    }
    let work = &work;
    std::thread::scope(|scope| {
        let start = |piece| std::thread::Builder::new().spawn_scoped(scope, move || work(piece));
        let threads: Vec<_> = pieces
            .map(start)
            .collect::<Result<_, _>>()
            .map_err(|error| Fault::OutOfMemory(error.to_string()))?;
        threads.into_iter().try_for_each(|thread| thread.join().expect("copying does not panic"))
    })
}

fn lost(error: wgpu::MapRangeError) -> Fault {
    Fault::DeviceLost(error.to_string())
}

impl Deref for Buffer<'_> {
    type Target = wgpu::Buffer;

    fn deref(&self) -> &wgpu::Buffer {
        self.raw.as_ref().expect("only recycling and dropping take it")
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        match self.raw.take() {
            Some(raw) if matches!(self.usage, Use::Storage | Use::Query) => {
                self.device.pool.put(self.usage, raw);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::size_class;

    #[test]
    fn size_classes_waste_at_most_a_quarter() {
        for (length, class) in [(1, 4096), (4096, 4096), (4097, 5120), (5121, 6144), (1 << 30, 1 << 30)] {
            assert_eq!(size_class(length), class);
        }
        for length in (4096..100_000).step_by(97) {
            let class = size_class(length);
            assert!(
                class >= length && class - length <= length / 4 && class.is_multiple_of(8),
                "{length} {class}"
            );
        }
    }
}

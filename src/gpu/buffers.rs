//! Buffers and their pool: storage on the device, staging buffers that the host maps.
//!
//! A new buffer costs an allocation and, at its first use, a clear. So each buffer
//! returns to a pool and serves later calls. Staging for uploads stays mapped in the
//! pool.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Deref;

use super::device::Device;
use crate::Fault;

/// What a buffer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BufferUse {
    /// Kernels read and write it, as storage or as uniforms.
    Storage,
    /// Like storage, and lives as long as the device.
    Resident,
    /// The host writes it, the device copies from it.
    Upload,
    /// The device copies to it, the host reads it.
    ReadBack,
    /// Timestamps are resolved to it.
    Query,
}

impl BufferUse {
    fn usages(self) -> wgpu::BufferUsages {
        use wgpu::BufferUsages as Usages;
        match self {
            BufferUse::Storage | BufferUse::Resident => {
                Usages::STORAGE | Usages::UNIFORM | Usages::COPY_DST | Usages::COPY_SRC
            }
            BufferUse::Upload => Usages::MAP_WRITE | Usages::COPY_SRC,
            BufferUse::ReadBack => Usages::MAP_READ | Usages::COPY_DST,
            BufferUse::Query => Usages::QUERY_RESOLVE | Usages::COPY_SRC,
        }
    }
}

/// Free buffers, the least recently used first.
///
/// A buffer dropped while a command list is recorded may still be used by that list:
/// it is retired, and becomes free when the list is submitted. One list is recorded at a
/// time.
pub(super) struct Pool {
    retired: RefCell<Vec<(BufferUse, wgpu::Buffer)>>,
    free: RefCell<Vec<(BufferUse, wgpu::Buffer)>>,
    resident: RefCell<HashMap<&'static str, wgpu::Buffer>>,
    max_size: u64,
}

/// The most free buffers, and their most bytes: a call uses up to two dozen buffers of
/// tens of megabytes each.
const MAX_FREE: usize = 64;
const MAX_FREE_BYTES: u64 = 1 << 30;

impl Pool {
    pub fn new(max_size: u64) -> Self {
        Pool { retired: RefCell::default(), free: RefCell::default(), resident: RefCell::default(), max_size }
    }

    fn take(&self, device: &wgpu::Device, usage: BufferUse, length: u64) -> wgpu::Buffer {
        let size = size_class(length).min(self.max_size).max(length.next_multiple_of(16));
        let mut free = self.free.borrow_mut();
        if let Some(index) = free.iter().position(|(kind, buffer)| *kind == usage && buffer.size() == size) {
            return free.remove(index).1;
        }
        device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size,
            usage: usage.usages(),
            mapped_at_creation: usage == BufferUse::Upload,
        })
    }

    fn retire(&self, usage: BufferUse, buffer: wgpu::Buffer) {
        self.retired.borrow_mut().push((usage, buffer));
    }

    /// Frees the retired buffers, once the list that may use them has been submitted.
    pub fn release_retired(&self) {
        let mut free = self.free.borrow_mut();
        free.append(&mut self.retired.borrow_mut());
        let mut bytes = free.iter().map(|(_, buffer)| buffer.size()).sum::<u64>();
        while free.len() > MAX_FREE || bytes > MAX_FREE_BYTES {
            bytes -= free.remove(0).1.size();
        }
    }
}

/// Rounds up to one of four sizes in each octave, so that nearly equal lengths share
/// buffers.
fn size_class(length: u64) -> u64 {
    let length = length.max(4096);
    length.next_multiple_of((length + 1).next_power_of_two() / 8)
}

/// A buffer of `len` bytes. Dropped storage returns to the pool. Staging returns only
/// through [`recycle`](Buffer::recycle): the device may still use it when it is dropped.
pub(crate) struct Buffer<'d> {
    device: &'d Device,
    usage: BufferUse,
    raw: Option<wgpu::Buffer>,
    len: u64,
}

impl<'d> Buffer<'d> {
    pub(super) fn new(device: &'d Device, usage: BufferUse, len: u64) -> Result<Self, Fault> {
        if len > device.limits.max_buffer_size {
            let limit = device.limits.max_buffer_size;
            return Err(Fault::OutOfMemory(format!("a buffer of {len} bytes is above the limit of {limit}")));
        }
        let raw = device.pool.take(&device.raw, usage, len);
        device.check()?;
        Ok(Buffer { device, usage, raw: Some(raw), len: len.max(4).next_multiple_of(4) })
    }

    /// The storage called `name`, which lives as long as the device; `fill` fills it at
    /// its first use.
    pub(super) fn resident(
        device: &'d Device,
        name: &'static str,
        len: u64,
        fill: impl FnOnce(&Buffer<'d>) -> Result<(), Fault>,
    ) -> Result<Self, Fault> {
        if let Some(raw) = device.pool.resident.borrow().get(name) {
            return Ok(Buffer { device, usage: BufferUse::Resident, raw: Some(raw.clone()), len });
        }
        let buffer = Buffer::new(device, BufferUse::Resident, len)?;
        fill(&buffer)?;
        device.pool.resident.borrow_mut().insert(name, (*buffer).clone());
        Ok(buffer)
    }

    /// The requested length, rounded up to whole words.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The whole buffer as binding `binding`, rounded up to whole vectors of four words.
    pub(super) fn entry(&self, binding: u32) -> wgpu::BindGroupEntry<'_> {
        let size = wgpu::BufferSize::new(self.len.next_multiple_of(16));
        wgpu::BindGroupEntry {
            binding,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: self, offset: 0, size }),
        }
    }

    /// Writes `bytes` to mapped upload staging; large ones by several threads.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), Fault> {
        let raw: &wgpu::Buffer = self;
        let size = thread_chunk(bytes.len());
        in_threads(bytes.chunks(size).enumerate(), |(index, chunk)| {
            let start = (index * size) as u64;
            let range = start..start + chunk.len().next_multiple_of(8) as u64;
            let mut view = raw.slice(range).get_mapped_range_mut().map_err(mapping_fault)?;
            view.slice(..chunk.len()).copy_from_slice(chunk);
            Ok(())
        })
    }

    /// Passes the bytes of mapped read-back staging to `read`.
    pub(super) fn read<R>(&self, read: impl FnOnce(&[u8]) -> R) -> Result<R, Fault> {
        let view = self.slice(..self.len.next_multiple_of(8)).get_mapped_range().map_err(mapping_fault)?;
        Ok(read(&view[..self.len as usize]))
    }

    /// Returns staging to the pool. Upload staging must be mapped, read-back staging
    /// unmapped.
    pub(super) fn recycle(mut self) {
        let raw = self.raw.take().expect("nothing else takes it");
        self.device.pool.retire(self.usage, raw);
    }
}

/// Copies between slices of equal length; large ones by several threads.
pub(super) fn parallel_copy(from: &[u8], to: &mut [u8]) -> Result<(), Fault> {
    let size = thread_chunk(from.len());
    in_threads(to.chunks_mut(size).zip(from.chunks(size)), |(to, from)| {
        to.copy_from_slice(from);
        Ok(())
    })
}

/// Bytes that one thread copies: at least 4 MiB, and at most 16 threads in all.
fn thread_chunk(bytes: usize) -> usize {
    const THREADS: usize = 16;
    const MIN: usize = 4 << 20;
    bytes.div_ceil(THREADS).next_multiple_of(4096).max(MIN)
}

/// Runs `job` on every chunk, in a thread for each if there are several.
///
/// The threads are not rayon's: a thread that waits in a shared pool may steal another
/// call's job, which waits for the device that this call has locked.
fn in_threads<T: Send>(
    mut chunks: impl ExactSizeIterator<Item = T>,
    job: impl Fn(T) -> Result<(), Fault> + Sync,
) -> Result<(), Fault> {
    if chunks.len() < 2 {
        return chunks.try_for_each(job);
    }
    let job = &job;
    std::thread::scope(|scope| {
        let start = |chunk| std::thread::Builder::new().spawn_scoped(scope, move || job(chunk));
        let threads: Vec<_> = chunks
            .map(start)
            .collect::<Result<_, _>>()
            .map_err(|error| Fault::OutOfMemory(error.to_string()))?;
        threads.into_iter().try_for_each(|thread| thread.join().expect("copying does not panic"))
    })
}

fn mapping_fault(error: wgpu::MapRangeError) -> Fault {
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
            Some(raw) if matches!(self.usage, BufferUse::Storage | BufferUse::Query) => {
                self.device.pool.retire(self.usage, raw);
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

//! Command lists: uploads, dispatches, copies and read-backs, recorded and submitted
//! together.
//!
//! A list runs its uploads and clears first, then its dispatches, its copies and its
//! read-backs. All dispatches run in one compute pass, and each sees what earlier ones
//! wrote. The pass is timed on the device: uploads and read-backs do not count. Lists
//! run in the order of their submission.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use bytemuck::{Pod, bytes_of};

use super::buffers::{Buffer, BufferUse};
use super::device::Device;
use super::shader::{Constants, Kernel};
use crate::Fault;

/// Bytes of a pass's two timestamps, its beginning and its end.
const TIMESTAMP_BYTES: u64 = 16;

/// Sums the device time of compute passes, from their timestamps.
pub(super) struct PassTimer {
    nanoseconds_per_tick: f64,
    elapsed: Cell<Duration>,
    free_queries: RefCell<Vec<wgpu::QuerySet>>,
}

impl PassTimer {
    pub fn new(nanoseconds_per_tick: f32) -> Self {
        PassTimer {
            nanoseconds_per_tick: f64::from(nanoseconds_per_tick),
            elapsed: Cell::default(),
            free_queries: RefCell::default(),
        }
    }

    /// The sum, which restarts at zero.
    pub fn take(&self) -> Duration {
        self.elapsed.take()
    }

    fn add(&self, timestamps: &[u8]) {
        let [start, end] = bytemuck::pod_read_unaligned::<[u64; 2]>(timestamps);
        let nanoseconds = end.saturating_sub(start) as f64 * self.nanoseconds_per_tick;
        self.elapsed.set(self.elapsed.get() + Duration::from_nanos(nanoseconds as u64));
    }

    fn queries(&self, device: &wgpu::Device) -> wgpu::QuerySet {
        self.free_queries.borrow_mut().pop().unwrap_or_else(|| {
            device.create_query_set(&wgpu::QuerySetDescriptor {
                label: None,
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            })
        })
    }
}

/// A recorded dispatch.
struct Dispatch {
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    params: Vec<u8>,
    workgroups: (u32, u32),
}

/// A recorded copy from storage to storage.
struct Copy {
    from: wgpu::Buffer,
    len: u64,
    to: wgpu::Buffer,
    offset: u64,
}

/// Uploads, dispatches, copies and read-backs, submitted together.
///
/// ```ignore
/// let mut commands = device.commands();
/// let input = commands.upload(bytes)?;
/// let output = device.storage(32 * count)?;
/// commands.dispatch(&KERNEL, &[], &[&input, &output], &Params { count }, count.div_ceil(64))?;
/// commands.read_back(&output);
/// let digests = commands.submit()?.wait(|bytes| bytes.to_vec())?;
/// ```
pub(crate) struct CommandList<'d> {
    device: &'d Device,
    encoder: wgpu::CommandEncoder,
    dispatches: Vec<Dispatch>,
    uploads: Vec<Buffer<'d>>,
    copies: Vec<Copy>,
    read_backs: Vec<(wgpu::Buffer, u64)>,
}

impl<'d> CommandList<'d> {
    pub(super) fn new(device: &'d Device) -> Self {
        CommandList {
            device,
            encoder: device.raw.create_command_encoder(&wgpu::CommandEncoderDescriptor::default()),
            dispatches: Vec::new(),
            uploads: Vec::new(),
            copies: Vec::new(),
            read_backs: Vec::new(),
        }
    }

    /// Storage that holds `bytes` when the dispatches run, padded to whole words with
    /// undefined bytes.
    pub fn upload(&mut self, bytes: &[u8]) -> Result<Buffer<'d>, Fault> {
        let storage = self.device.storage(bytes.len() as u64)?;
        self.upload_to(&storage, 0, bytes)?;
        Ok(storage)
    }

    /// Writes `bytes` to `storage` at `offset`, a multiple of 4, before the dispatches run.
    pub fn upload_to(&mut self, storage: &Buffer<'d>, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.is_empty() {
            return Ok(());
        }
        let staging = Buffer::new(self.device, BufferUse::Upload, bytes.len() as u64)?;
        staging.write(bytes)?;
        staging.unmap();
        self.encoder.copy_buffer_to_buffer(&staging, 0, storage, offset, staging.len());
        self.uploads.push(staging);
        Ok(())
    }

    /// Fills `storage` with zeros before the dispatches run.
    pub fn clear(&mut self, storage: &Buffer<'d>) {
        self.encoder.clear_buffer(storage, 0, Some(storage.len()));
    }

    /// Runs `workgroups` workgroups of `kernel`, after the dispatches recorded so far.
    /// Binding `i` of group 0 is `buffers[i]`; `params` are the kernel's
    /// `var<immediate>`, at most 128 bytes. Above the limit of one dimension the
    /// workgroups are spread over two, see `shaders/lib/grid.wgsl`.
    pub fn dispatch<P: Pod>(
        &mut self,
        kernel: &'static Kernel,
        constants: Constants<'_>,
        buffers: &[&Buffer<'d>],
        params: &P,
        workgroups: u32,
    ) -> Result<(), Fault> {
        if workgroups == 0 {
            return Ok(());
        }
        let pipeline = self.device.pipeline(kernel, constants)?;
        let entries: Vec<_> = (0..).zip(buffers).map(|(binding, buffer)| buffer.entry(binding)).collect();
        let bindings = self.device.raw.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.name),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let limit = self.device.limits.max_compute_workgroups_per_dimension;
        let rows = workgroups.div_ceil(limit);
        let workgroups = (workgroups.div_ceil(rows), rows);
        self.dispatches.push(Dispatch { pipeline, bindings, params: bytes_of(params).to_vec(), workgroups });
        self.device.check()
    }

    /// Copies all of `from` to `to` at `offset`, a multiple of 4, after the dispatches.
    pub fn copy(&mut self, from: &Buffer<'d>, to: &Buffer<'d>, offset: u64) {
        self.copies.push(Copy { from: (**from).clone(), len: from.len(), to: (**to).clone(), offset });
    }

    /// Reads all of `storage` back after the dispatches, appended to earlier read-backs.
    pub fn read_back(&mut self, storage: &Buffer<'d>) {
        self.read_backs.push(((**storage).clone(), storage.len()));
    }

    /// Submits the list. Its storage may be dropped at once, or used by later lists:
    /// lists run in the order of their submission.
    pub fn submit(mut self) -> Result<Pending<'d>, Fault> {
        let device = self.device;
        let queries = device.timer.as_ref().map(|timer| timer.queries(&device.raw));
        self.record_pass(queries.as_ref());
        for Copy { from, len, to, offset } in &self.copies {
            self.encoder.copy_buffer_to_buffer(from, 0, to, *offset, *len);
        }
        let bytes = self.read_backs.iter().map(|(_, len)| len).sum::<u64>();
        let timestamps = if queries.is_some() { TIMESTAMP_BYTES } else { 0 };
        let read_back = Buffer::new(device, BufferUse::ReadBack, bytes + timestamps)?;
        let mut end = 0;
        for (storage, len) in &self.read_backs {
            self.encoder.copy_buffer_to_buffer(storage, 0, &read_back, end, *len);
            end += len;
        }
        if let Some(queries) = &queries {
            let resolved = Buffer::new(device, BufferUse::Query, TIMESTAMP_BYTES)?;
            self.encoder.resolve_query_set(queries, 0..2, &resolved, 0);
            self.encoder.copy_buffer_to_buffer(&resolved, 0, &read_back, bytes, TIMESTAMP_BYTES);
        }
        let submission = device.submit(self.encoder.finish())?;
        // Mapping errors are reported by the device's error callback and by the views.
        read_back.map_async(wgpu::MapMode::Read, .., |_| ());
        for staging in &self.uploads {
            staging.map_async(wgpu::MapMode::Write, .., |_| ());
        }
        Ok(Pending { device, submission, uploads: self.uploads, read_back, bytes: bytes as usize, queries })
    }

    fn record_pass(&mut self, queries: Option<&wgpu::QuerySet>) {
        let mut pass = self.encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: None,
            timestamp_writes: queries.map(|query_set| wgpu::ComputePassTimestampWrites {
                query_set,
                beginning_of_pass_write_index: Some(0),
                end_of_pass_write_index: Some(1),
            }),
        });
        for dispatch in &self.dispatches {
            pass.set_pipeline(&dispatch.pipeline);
            pass.set_bind_group(0, &dispatch.bindings, &[]);
            if !dispatch.params.is_empty() {
                pass.set_immediates(0, &dispatch.params);
            }
            pass.dispatch_workgroups(dispatch.workgroups.0, dispatch.workgroups.1, 1);
        }
    }
}

/// A submitted command list. Its device time counts only if it is waited for.
#[must_use]
pub(crate) struct Pending<'d> {
    device: &'d Device,
    submission: wgpu::SubmissionIndex,
    uploads: Vec<Buffer<'d>>,
    read_back: Buffer<'d>,
    bytes: usize,
    queries: Option<wgpu::QuerySet>,
}

impl Pending<'_> {
    /// Waits for the list and passes the bytes of all its read-backs to `read`.
    pub fn wait<R>(self, read: impl FnOnce(&[u8]) -> R) -> Result<R, Fault> {
        self.device.wait(self.submission)?;
        let timer = self.device.timer.as_ref().zip(self.queries);
        let result = self.read_back.read(|all| {
            let (bytes, timestamps) = all.split_at(self.bytes);
            if let Some((timer, queries)) = timer {
                timer.add(&timestamps[..TIMESTAMP_BYTES as usize]);
                timer.free_queries.borrow_mut().push(queries);
            }
            read(bytes)
        })?;
        self.read_back.unmap();
        self.read_back.recycle();
        self.uploads.into_iter().for_each(Buffer::recycle);
        self.device.check().map(|()| result)
    }
}

/// Runs `submit` on each of `parts`, and `complete` on what each reads back, in order.
/// The host prepares later parts while the device runs earlier ones.
pub(crate) fn pipelined<'d, T>(
    parts: impl Iterator<Item = T>,
    mut submit: impl FnMut(&T) -> Result<Pending<'d>, Fault>,
    mut complete: impl FnMut(T, &[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    /// One list runs, one is uploaded, one is recorded.
    const IN_FLIGHT: usize = 3;
    let mut in_flight = std::collections::VecDeque::with_capacity(IN_FLIGHT);
    for part in parts {
        if in_flight.len() == IN_FLIGHT - 1 {
            let (part, pending): (T, Pending<'_>) = in_flight.pop_front().expect("it is not empty");
            pending.wait(|bytes| complete(part, bytes))??;
        }
        let pending = submit(&part)?;
        in_flight.push_back((part, pending));
    }
    in_flight.into_iter().try_for_each(|(part, pending)| pending.wait(|bytes| complete(part, bytes))?)
}

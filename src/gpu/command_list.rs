//! What is submitted at once: uploads, then dispatches, then read-backs.
//!
//! All dispatches of a batch run in one compute pass; each sees what those before
//! it wrote. The pass is timed on the device, so uploads and read-backs do not count.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use bytemuck::{Pod, bytes_of};

use super::buffers::{Buffer, Use};
use super::device::Device;
use super::shader::{Constants, Kernel};
use crate::Fault;

/// Bytes of a pass's two timestamps.
const STAMPS: u64 = 16;

/// Device time summed over passes.
pub(super) struct Clock {
    nanoseconds_per_tick: f64,
    elapsed: Cell<Duration>,
    free: RefCell<Vec<wgpu::QuerySet>>,
}

impl Clock {
    pub fn new(nanoseconds_per_tick: f32) -> Self {
        Clock {
            nanoseconds_per_tick: f64::from(nanoseconds_per_tick),
            elapsed: Cell::default(),
            free: RefCell::default(),
        }
    }

    pub fn take(&self) -> Duration {
        self.elapsed.take()
    }

    fn add(&self, stamps: &[u8]) {
        let [start, end] = bytemuck::pod_read_unaligned::<[u64; 2]>(stamps);
        let nanoseconds = end.saturating_sub(start) as f64 * self.nanoseconds_per_tick;
        self.elapsed.set(self.elapsed.get() + Duration::from_nanos(nanoseconds as u64));
    }

    fn queries(&self, device: &wgpu::Device) -> wgpu::QuerySet {
        self.free.borrow_mut().pop().unwrap_or_else(|| {
            device.create_query_set(&wgpu::QuerySetDescriptor {
                label: None,
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            })
        })
    }
}

/// A dispatch to be recorded.
struct Step {
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    params: Vec<u8>,
    groups: (u32, u32),
}

/// A copy from storage to storage to be recorded.
struct Copy {
    from: wgpu::Buffer,
    len: u64,
    to: wgpu::Buffer,
    offset: u64,
}

/// Uploads, dispatches and read-backs, submitted at once.
///
/// ```ignore
/// let mut batch = device.batch();
/// let input = batch.upload(bytes)?;
/// let output = device.storage(32 * count)?;
/// batch.dispatch(&KERNEL, &[], &[&input, &output], &Params { count }, count.div_ceil(64))?;
/// batch.read_back(&output);
/// let digests = batch.submit()?.wait(|bytes| bytes.to_vec())?;
/// ```
pub(crate) struct Batch<'d> {
    device: &'d Device,
    encoder: wgpu::CommandEncoder,
    steps: Vec<Step>,
    uploads: Vec<Buffer<'d>>,
    copies: Vec<Copy>,
    read_backs: Vec<(wgpu::Buffer, u64)>,
}

impl<'d> Batch<'d> {
    pub(super) fn new(device: &'d Device) -> Self {
        Batch {
            device,
            encoder: device.raw.create_command_encoder(&wgpu::CommandEncoderDescriptor::default()),
            steps: Vec::new(),
            uploads: Vec::new(),
            copies: Vec::new(),
            read_backs: Vec::new(),
        }
    }

    /// Storage that holds `bytes` when the dispatches run, padded to whole words
    /// with bytes that mean nothing.
    pub fn upload(&mut self, bytes: &[u8]) -> Result<Buffer<'d>, Fault> {
        let storage = self.device.storage(bytes.len() as u64)?;
        self.upload_to(&storage, 0, bytes)?;
        Ok(storage)
    }

    /// Puts `bytes` at `offset`, a multiple of 4, before the dispatches run.
    pub fn upload_to(&mut self, storage: &Buffer<'d>, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.is_empty() {
            return Ok(());
        }
        let staging = Buffer::new(self.device, Use::Upload, bytes.len() as u64)?;
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

    /// Runs `groups` workgroups of `kernel`, after the dispatches recorded
    /// before. Binding `i` of group 0 is `buffers[i]`; `params` are the
    /// kernel's `var<immediate>`, at most 128 bytes. Above the limit of one
    /// dimension the groups are spread over two, see `shaders/lib/grid.wgsl`.
    pub fn dispatch<P: Pod>(
        &mut self,
        kernel: &'static Kernel,
        constants: Constants<'_>,
        buffers: &[&Buffer<'d>],
        params: &P,
        groups: u32,
    ) -> Result<(), Fault> {
        if groups == 0 {
            return Ok(());
        }
        let pipeline = self.device.pipeline(kernel, constants)?;
        let entries: Vec<_> = (0..).zip(buffers).map(|(binding, buffer)| buffer.entry(binding)).collect();
        let bindings = self.device.raw.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.name),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let most = self.device.limits.max_compute_workgroups_per_dimension;
        let rows = groups.div_ceil(most);
        let groups = (groups.div_ceil(rows), rows);
        self.steps.push(Step { pipeline, bindings, params: bytes_of(params).to_vec(), groups });
        self.device.check()
    }

    /// Copies the whole of `from` to `offset` in `to`, a multiple of 4, after the
    /// dispatches.
    pub fn copy(&mut self, from: &Buffer<'d>, to: &Buffer<'d>, offset: u64) {
        self.copies.push(Copy { from: (**from).clone(), len: from.len(), to: (**to).clone(), offset });
    }

    /// Reads the whole of `storage` back after the dispatches, behind what was
    /// asked for before.
    pub fn read_back(&mut self, storage: &Buffer<'d>) {
        self.read_backs.push(((**storage).clone(), storage.len()));
    }

    /// Sends it off. The device's buffers may be dropped, or used by later
    /// batches, at once: batches run in the order in which they are submitted.
    pub fn submit(mut self) -> Result<Pending<'d>, Fault> {
        let device = self.device;
        let queries = device.clock.as_ref().map(|clock| clock.queries(&device.raw));
        self.record_pass(queries.as_ref());
        for Copy { from, len, to, offset } in &self.copies {
            self.encoder.copy_buffer_to_buffer(from, 0, to, *offset, *len);
        }
        let bytes = self.read_backs.iter().map(|(_, len)| len).sum::<u64>();
        let stamps = if queries.is_some() { STAMPS } else { 0 };
        let read_back = Buffer::new(device, Use::ReadBack, bytes + stamps)?;
        let mut end = 0;
        for (storage, len) in &self.read_backs {
            self.encoder.copy_buffer_to_buffer(storage, 0, &read_back, end, *len);
            end += len;
        }
        if let Some(queries) = &queries {
            let resolved = Buffer::new(device, Use::Query, STAMPS)?;
            self.encoder.resolve_query_set(queries, 0..2, &resolved, 0);
            self.encoder.copy_buffer_to_buffer(&resolved, 0, &read_back, bytes, STAMPS);
        }
        let submission = device.submit(self.encoder.finish())?;
        // Errors of mapping come back through the device's health and the views.
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
        for step in &self.steps {
            pass.set_pipeline(&step.pipeline);
            pass.set_bind_group(0, &step.bindings, &[]);
            if !step.params.is_empty() {
                pass.set_immediates(0, &step.params);
            }
            pass.dispatch_workgroups(step.groups.0, step.groups.1, 1);
        }
    }
}

/// A batch on its way. Its device time counts only if it is waited for.
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
    /// Waits for the batch and hands what was read back to `read`; nothing if
    /// nothing was asked for.
    pub fn wait<R>(self, read: impl FnOnce(&[u8]) -> R) -> Result<R, Fault> {
        self.device.wait(self.submission)?;
        let clock = self.device.clock.as_ref().zip(self.queries);
        let result = self.read_back.read(|all| {
            let (bytes, stamps) = all.split_at(self.bytes);
            if let Some((clock, queries)) = clock {
                clock.add(&stamps[..STAMPS as usize]);
                clock.free.borrow_mut().push(queries);
            }
            read(bytes)
        })?;
        self.read_back.unmap();
        self.read_back.recycle();
        self.uploads.into_iter().for_each(Buffer::recycle);
        self.device.check().map(|()| result)
    }
}

/// Runs `start` on each of `parts` and `finish` on what each reads back, in
/// order; the host prepares the next batches while the device is at work.
pub(crate) fn pipelined<'d, T>(
    parts: impl Iterator<Item = T>,
    mut start: impl FnMut(&T) -> Result<Pending<'d>, Fault>,
    mut finish: impl FnMut(T, &[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    /// One on the device, one on the bus, one in the making.
    const IN_FLIGHT: usize = 3;
    let mut flight = std::collections::VecDeque::with_capacity(IN_FLIGHT);
    for part in parts {
        if flight.len() == IN_FLIGHT - 1 {
            let (part, pending): (T, Pending<'_>) = flight.pop_front().expect("it is not empty");
            pending.wait(|bytes| finish(part, bytes))??;
        }
        let pending = start(&part)?;
        flight.push_back((part, pending));
    }
    flight.into_iter().try_for_each(|(part, pending)| pending.wait(|bytes| finish(part, bytes))?)
}

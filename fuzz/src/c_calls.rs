//! Calls through the C interface, many of them with invalid arguments.

#![expect(unsafe_code, reason = "the C interface")]

use std::ffi::CStr;
use std::fmt::Debug;
use std::sync::LazyLock;

use verilane::ed25519::Rule;
use verilane::merkle::Proof;
use verilane::pow::{Puzzle, Target};
use verilane::signature::Batch;
use verilane::{Digest, Hash, Key, Outcome, Records, Tree, TreeHash};
use verilane_c::{self as capi, CallReport, EngineHandle, EngineOptions, Found, Status};

use super::{ENGINE, Source};

/// The byte that fills outputs before a call.
const UNTOUCHED: u8 = 0xa5;

static HANDLE: LazyLock<EngineHandle> = LazyLock::new(|| {
    let options = EngineOptions {
        size: size_of::<EngineOptions>(),
        threads: 1,
        backend: capi::BackendChoice::Reference as u32,
        isa: 0,
        adapter: std::ptr::null(),
    };
    let mut handle = EngineHandle { id: 0 };
    // SAFETY: both pointers are valid.
    assert_eq!(unsafe { capi::verilane_engine_new(&options, &mut handle) }, Status::Ok);
    handle
});

/// A call and the statuses with which it may fail.
struct Call<'a> {
    source: Source<'a>,
    expected_errors: Vec<Status>,
}

/// A column of byte strings, whose offsets may be invalid.
struct Column {
    bytes: Box<[u8]>,
    offsets: Box<[u64]>,
}

impl Call<'_> {
    /// Whether to make the call invalid in a way that gives `status`.
    fn injects(&mut self, status: Status) -> bool {
        let injects = self.source.below(16) == 1;
        self.expected_errors.extend(injects.then_some(status));
        injects
    }

    fn expect_error_if(&mut self, invalid: bool, status: Status) {
        self.expected_errors.extend(invalid.then_some(status));
    }

    /// The engine, or an invalid handle: numbers below the first engine's are not used.
    fn engine(&mut self) -> EngineHandle {
        if self.injects(Status::Engine) { EngineHandle { id: self.source.word() >> 2 } } else { *HANDLE }
    }

    /// The length, or one that exceeds any memory.
    fn length(&mut self, length: usize) -> usize {
        if !self.injects(Status::Length) {
            return length;
        }
        // For an empty column the null pointer is reported first.
        self.expect_error_if(length == 0, Status::Null);
        usize::MAX - self.source.below(200)
    }

    fn read<T>(&mut self, items: &[T]) -> *const T {
        if items.is_empty() {
            return [std::ptr::null(), items.as_ptr()][self.source.below(2)];
        }
        if self.injects(Status::Null) {
            return std::ptr::null();
        }
        if align_of::<T>() > 1 && self.injects(Status::Misaligned) {
            return items.as_ptr().wrapping_byte_add(1);
        }
        items.as_ptr()
    }

    /// A pointer to the output, or into an input.
    fn write<T, U>(&mut self, items: &mut [T], input: &[U]) -> *mut T {
        if items.is_empty() || input.is_empty() {
            return items.as_mut_ptr();
        }
        if self.injects(Status::Null) {
            return std::ptr::null_mut();
        }
        if !self.injects(Status::Overlap) {
            return items.as_mut_ptr();
        }
        let inside = input.as_ptr().wrapping_add(self.source.below(input.len())).cast_mut().cast::<T>();
        self.expect_error_if(!inside.is_aligned(), Status::Misaligned);
        inside
    }

    fn column(&mut self) -> Column {
        let lengths: Vec<_> = (0..self.source.below(8)).map(|_| self.source.below(90) as u64).collect();
        let start = self.source.below(3) as u64;
        let ends = lengths.iter().scan(start, |end, length| {
            *end += length;
            Some(*end)
        });
        let mut offsets: Box<[u64]> = std::iter::once(start).chain(ends).collect();
        let bytes: Box<[u8]> = (0..offsets[lengths.len()]).map(|_| self.source.byte()).collect();
        if self.source.below(4) == 1 {
            offsets[self.source.below(lengths.len() + 1)] =
                [self.source.word(), self.source.byte().into()][self.source.below(2)];
        }
        let valid = offsets.is_sorted() && offsets[lengths.len()] <= bytes.len() as u64;
        self.expect_error_if(!valid && !lengths.is_empty(), Status::Offsets);
        Column { bytes, offsets }
    }

    /// A number, and the choice that it stands for, if any.
    fn choice<T: Copy>(&mut self, choices: &[T]) -> (u32, Option<T>) {
        let number = self.source.below(choices.len() + 2);
        let chosen = number.checked_sub(1).and_then(|index| choices.get(index)).copied();
        self.expect_error_if(chosen.is_none(), Status::Argument);
        (number as u32, chosen)
    }

    fn tree(&mut self) -> (u32, u32, Tree) {
        let (hash_number, hash) = self.choice(&[TreeHash::Sha256, TreeHash::Sha256d, TreeHash::Blake3]);
        let hash = hash.unwrap_or(TreeHash::Sha256d);
        let (number, tree) = self.choice(&[Tree::Bitcoin, Tree::Rfc6962(hash), Tree::Plain(hash)]);
        let tree = tree.unwrap_or(Tree::Bitcoin);
        self.expect_error_if(tree.hash() != hash.into(), Status::Argument);
        (number, hash_number, tree)
    }

    fn digests(&mut self, max: usize) -> Box<[Digest]> {
        // At most 8 different ones, so that some are equal.
        (0..self.source.below(max)).map(|_| Hash::Blake3.digest(&[self.source.byte() % 8])).collect()
    }

    /// Asserts that a valid call gave the answer, and that an invalid one gave an expected error
    /// with a message and left the output unchanged.
    fn check<T: PartialEq + Debug>(
        &self,
        status: Status,
        output: &[T],
        untouched: T,
        answer: impl FnOnce() -> Vec<T>,
    ) {
        // SAFETY: the text is valid until the next call that fails.
        let text = unsafe { CStr::from_ptr(capi::verilane_last_error()) }.to_str().expect("it is UTF-8");
        if self.expected_errors.is_empty() {
            assert_eq!(status, Status::Ok, "{text}");
            assert_eq!(output, answer());
            return;
        }
        assert!(self.expected_errors.contains(&status), "{status:?} of {:?}: {text}", self.expected_errors);
        assert!(!text.is_empty());
        assert!(output.iter().all(|value| *value == untouched));
    }
}

impl Column {
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    fn records(&self) -> Records<'_> {
        let offsets = if self.len() == 0 { &[0] } else { &self.offsets[..] };
        Records::new(&self.bytes, offsets).expect("the offsets are valid")
    }
}

/// A call fails with an expected error, or gives the answer of the library.
pub fn c_calls(data: &[u8]) {
    let calls = [verify, hash, leaves, root, proof, proof_verify, first_occurrences, search, options];
    let mut source = Source(data);
    let call = calls[source.below(calls.len())];
    call(&mut Call { source, expected_errors: vec![] });
}

fn verify(call: &mut Call<'_>) {
    let column = call.column();
    let n = column.len();
    let keys: Box<[_]> = (0..n).map(|_| call.source.array::<32>()).collect();
    let signatures: Box<[_]> = (0..n).map(|_| call.source.array::<64>()).collect();
    let (number, rule) = call.choice(&Rule::ALL);
    let mut verdicts = vec![UNTOUCHED; n];
    let output = call.write(&mut verdicts, &keys);
    let mut report =
        CallReport { backend: 0, software: 0, passed_over: 0, fault: [0; capi::VERILANE_FAULT_SIZE] };
    let with_report = call.source.below(2) == 1;
    let report_pointer = if with_report { &raw mut report } else { std::ptr::null_mut() };
    let (key_column, signature_column) = (call.read(&keys), call.read(&signatures));
    let (bytes, offsets) = (call.read(&column.bytes), call.read(if n == 0 { &[] } else { &column.offsets }));
    let (bytes_len, claimed) = (call.length(column.bytes.len()), call.length(n));
    let engine = call.engine();
    // SAFETY: lengths are correct, or exceed any memory, which is rejected.
    let status = unsafe {
        capi::verilane_verify(
            engine,
            number,
            key_column.cast(),
            signature_column.cast(),
            bytes,
            bytes_len,
            offsets,
            claimed,
            output,
            report_pointer,
        )
    };
    call.check(status, &verdicts, UNTOUCHED, || {
        let batch =
            Batch::from_columns(&keys, &signatures, column.records()).expect("the columns are equally long");
        let verdicts =
            ENGINE.verify(rule.expect("it is valid"), &batch).expect("the reference does not fault");
        verdicts.as_slice().iter().map(|&valid| valid.into()).collect()
    });
    let served = if with_report && status == Status::Ok { capi::BackendChoice::Reference as u32 } else { 0 };
    assert_eq!(report.backend, served);
}

fn hash(call: &mut Call<'_>) {
    let key: [u8; 32] = call.source.array();
    let keyed = Hash::KeyedBlake3(Key(key));
    let (number, hash) = call.choice(&[Hash::Sha256, Hash::Sha256d, Hash::Blake3, keyed]);
    let key_pointer = if hash == Some(keyed) { call.read(&key) } else { std::ptr::null() };
    let column = call.column();
    digests_of(
        call,
        &column,
        |call, output, bytes, bytes_len, offsets, n| {
            let engine = call.engine();
            // SAFETY: lengths are correct, or exceed any memory, which is rejected.
            unsafe {
                capi::verilane_hash(
                    engine,
                    number,
                    key_pointer,
                    bytes,
                    bytes_len,
                    offsets,
                    n,
                    output,
                    std::ptr::null_mut(),
                )
            }
        },
        |records| {
            ENGINE
                .hash(hash.expect("it is valid"), records)
                .expect("the reference does not fault")
                .into_inner()
        },
    );
}

fn leaves(call: &mut Call<'_>) {
    let (number, hash, tree) = call.tree();
    let column = call.column();
    digests_of(
        call,
        &column,
        |call, output, bytes, bytes_len, offsets, n| {
            let engine = call.engine();
            // SAFETY: lengths are correct, or exceed any memory, which is rejected.
            unsafe {
                capi::verilane_merkle_leaves(
                    engine,
                    number,
                    hash,
                    bytes,
                    bytes_len,
                    offsets,
                    n,
                    output,
                    std::ptr::null_mut(),
                )
            }
        },
        |records| records.iter().map(|record| tree.leaf(record)).collect(),
    );
}

/// A call that takes byte strings and gives digests.
fn digests_of(
    call: &mut Call<'_>,
    column: &Column,
    make: impl FnOnce(&mut Call<'_>, *mut u8, *const u8, usize, *const u64, usize) -> Status,
    answer: impl FnOnce(&Records<'_>) -> Vec<Digest>,
) {
    let n = column.len();
    let untouched = Digest([UNTOUCHED; 32]);
    let mut digests = vec![untouched; n];
    let output = call.write(&mut digests, &column.bytes);
    let (bytes, offsets) = (call.read(&column.bytes), call.read(if n == 0 { &[] } else { &column.offsets }));
    let (bytes_len, claimed) = (call.length(column.bytes.len()), call.length(n));
    let status = make(call, output.cast(), bytes, bytes_len, offsets, claimed);
    call.check(status, &digests, untouched, || answer(&column.records()));
}

fn root(call: &mut Call<'_>) {
    let (number, hash, tree) = call.tree();
    let leaves = call.digests(20);
    call.expect_error_if(leaves.is_empty() && tree.empty_root().is_err(), Status::Argument);
    let mut out = [UNTOUCHED; 33];
    let (root, mutated) = out.split_at_mut(32);
    let (root, mutated) = (call.write(root, &leaves), call.write(mutated, &leaves));
    let (pointer, n, engine) = (call.read(&leaves), call.length(leaves.len()), call.engine());
    // SAFETY: lengths are correct, or exceed any memory, which is rejected.
    let status = unsafe {
        let pointer = pointer.cast();
        capi::verilane_merkle_root(engine, number, hash, pointer, n, root, mutated, std::ptr::null_mut())
    };
    call.check(status, &out, UNTOUCHED, || {
        let root = ENGINE.merkle_root(tree, &leaves).expect("there are leaves, or none are needed");
        [&root.digest.0[..], &[root.mutated.into()]].concat()
    });
}

fn proof(call: &mut Call<'_>) {
    let (number, hash, tree) = call.tree();
    let leaves = call.digests(40);
    let index = call.source.below(40);
    let proof = ENGINE.merkle_proof(tree, &leaves, index).ok().map(Outcome::into_inner);
    call.expect_error_if(proof.is_none(), Status::Argument);
    let needed = proof.as_ref().map_or(0, |proof| proof.path.len());
    let capacity = call.source.below(capi::VERILANE_MAX_PATH);
    let untouched = Digest([UNTOUCHED; 32]);
    let mut path = vec![untouched; capacity];
    let mut path_len = usize::MAX;
    let output = call.write(&mut path, &leaves);
    let (pointer, n, engine) = (call.read(&leaves), call.length(leaves.len()), call.engine());
    let only_capacity = call.expected_errors.is_empty() && needed > capacity;
    call.expect_error_if(only_capacity, Status::Capacity);
    // SAFETY: lengths are correct, or exceed any memory, which is rejected.
    let status = unsafe {
        capi::verilane_merkle_proof(
            engine,
            number,
            hash,
            pointer.cast(),
            n,
            index,
            output.cast(),
            capacity,
            &mut path_len,
            std::ptr::null_mut(),
        )
    };
    let served = call.expected_errors.is_empty();
    assert_eq!(path_len, if served || only_capacity { needed } else { usize::MAX });
    let written = if served { needed } else { capacity };
    call.check(status, &path[..written], untouched, || proof.expect("there is such a leaf").path);
    assert!(path[written..].iter().all(|digest| *digest == untouched));
}

fn proof_verify(call: &mut Call<'_>) {
    let (number, hash, tree) = call.tree();
    let (leaf, root, path) = (call.source.digest(), call.source.digest(), call.digests(40));
    let (index, leaves) = (call.source.word() as usize, call.source.word() as usize);
    let mut valid = [UNTOUCHED];
    let output = call.write(&mut valid, &path);
    let (leaf_pointer, root_pointer) = (call.read(&leaf.0), call.read(&root.0));
    let (pointer, n) = (call.read(&path), call.length(path.len()));
    // SAFETY: lengths are correct, or exceed any memory, which is rejected.
    let status = unsafe {
        let pointer = pointer.cast();
        capi::verilane_merkle_proof_verify(
            number,
            hash,
            leaf_pointer,
            index,
            leaves,
            pointer,
            n,
            root_pointer,
            output,
        )
    };
    call.check(status, &valid, UNTOUCHED, || {
        let proof = Proof { tree, index, leaves, path: path.to_vec() };
        vec![proof.verify(&leaf, &root).into()]
    });
}

fn first_occurrences(call: &mut Call<'_>) {
    let fingerprints = call.digests(60);
    let untouched = u32::from_ne_bytes([UNTOUCHED; 4]);
    let mut positions = vec![untouched; fingerprints.len()];
    let output = call.write(&mut positions, &fingerprints);
    let (pointer, n, engine) = (call.read(&fingerprints), call.length(fingerprints.len()), call.engine());
    // SAFETY: lengths are correct, or exceed any memory, which is rejected.
    let status =
        unsafe { capi::verilane_first_occurrences(engine, pointer.cast(), n, output, std::ptr::null_mut()) };
    call.check(status, &positions, untouched, || {
        let position = |fingerprint| fingerprints.iter().position(|other| other == fingerprint);
        fingerprints
            .iter()
            .map(|fingerprint| position(fingerprint).expect("it is one of them") as u32)
            .collect()
    });
}

fn search(call: &mut Call<'_>) {
    let header: Box<[u8]> = (0..call.source.below(130)).map(|_| call.source.byte()).collect();
    let offset = call.source.below(130);
    let target: [u8; 32] = call.source.array();
    let (first, size) = (u32::from_le_bytes(call.source.array()), u32::from(call.source.byte()));
    let last = first.wrapping_add(size);
    let puzzle = Puzzle::new(&header, offset, Target::from_be_bytes(target));
    call.expect_error_if(puzzle.is_err() || last < first, Status::Argument);
    let mut found = Found { found: u32::MAX, nonce: 0, digest: [UNTOUCHED; 32] };
    let output = call.write(std::slice::from_mut(&mut found), &header);
    let (pointer, n) = (call.read(&header), call.length(header.len()));
    let (target_pointer, engine) = (call.read(&target), call.engine());
    // SAFETY: lengths are correct, or exceed any memory, which is rejected.
    let status = unsafe {
        capi::verilane_search(
            engine,
            pointer,
            n,
            offset,
            target_pointer,
            first,
            last,
            output,
            std::ptr::null_mut(),
        )
    };
    let digest = found.digest;
    call.check(status, &digest, UNTOUCHED, || {
        let puzzle = puzzle.expect("it is valid");
        let lowest = (first..=last).find_map(|nonce| puzzle.check(nonce));
        assert_eq!((found.found, found.nonce), lowest.map_or((0, 0), |lowest| (1, lowest.nonce)));
        lowest.map_or(vec![0; 32], |lowest| lowest.digest.0.to_vec())
    });
}

/// Valid options give an engine, which serves calls until it is freed.
fn options(call: &mut Call<'_>) {
    const SIZE: usize = size_of::<EngineOptions>();
    let name: [u8; 8] = call.source.array();
    let name = CStr::from_bytes_until_nul(&name).ok().filter(|name| !name.is_empty());
    // Not the GPU, which may be available or not.
    let backend = [0, 1, 2, 4, u32::MAX][call.source.below(5)];
    let isa = call.source.below(7) as u32;
    let size = [SIZE, SIZE + 8, 0, SIZE - 1, 4097, usize::MAX][call.source.below(6)];
    let later = u64::from(call.source.byte());
    let adapter = name.map_or(std::ptr::null(), CStr::as_ptr);
    let options = LaterOptions { known: EngineOptions { size, threads: 1, backend, isa, adapter }, later };
    let valid_size = size == SIZE || (size == SIZE + 8 && later == 0);
    call.expect_error_if(!valid_size || backend > 2 || isa > 4, Status::Argument);
    call.expect_error_if(name.is_some_and(|name| name.to_str().is_err()), Status::Argument);
    let untouched = u64::from_ne_bytes([UNTOUCHED; 8]);
    let mut handle = [untouched];
    let output = call.write(&mut handle, std::slice::from_ref(&options));
    let misaligned = usize::from(call.injects(Status::Misaligned));
    let pointer = (&raw const options).wrapping_byte_add(misaligned);
    // SAFETY: the options are as long as `size`, or `size` exceeds that of any version, which is rejected.
    let status = unsafe { capi::verilane_engine_new(pointer.cast(), output.cast()) };
    call.check(status, &handle, untouched, || handle.to_vec());
    if status == Status::Ok {
        let engine = EngineHandle { id: handle[0] };
        let (none, nowhere, unasked) = (std::ptr::null(), std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: nothing is read or written.
        let serve = || unsafe { capi::verilane_first_occurrences(engine, none, 0, nowhere, unasked) };
        assert_eq!(serve(), Status::Ok);
        assert_eq!(capi::verilane_engine_free(engine), Status::Ok);
        assert_eq!(serve(), Status::Engine);
        assert_eq!(capi::verilane_engine_free(engine), Status::Engine);
    }
}

/// Options of a later version.
#[repr(C)]
struct LaterOptions {
    known: EngineOptions,
    later: u64,
}

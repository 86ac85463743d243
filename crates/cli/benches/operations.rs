//! Each operation on each back end of this machine, on fresh data in every
//! iteration; the answer to each input is compared with the reference's.

use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use verilane::ed25519::Rule;
use verilane::reference::Reference;
use verilane::{Backend, Engine, Hash, Options, Threads, Tree, TreeHash};

use verilane_cli::bench::data::answer::Answer;
use verilane_cli::bench::data::input::Input;
use verilane_cli::bench::data::recipe::{CallMode, Recipe};
use verilane_cli::bench::data::source::Source;
use verilane_cli::bench::measure::call::call;

/// Enough for every input of signatures, and of signed records.
const SIGNATURES: usize = 1 << 10;

/// Records in the index before the first call.
const INDEXED: u64 = 1 << 20;

/// Name, recipe and number of items.
fn workloads() -> Vec<(String, Recipe, usize)> {
    let hashes = [Hash::Sha256, Hash::Sha256d, Hash::Blake3].into_iter().flat_map(|hash| {
        [32, 200, 1024].map(|length| {
            let recipe = Recipe::Hash { hash, shortest: length, longest: length };
            (format!("hash.{hash}.{length}"), recipe, (4 << 20) / length)
        })
    });
    let trees = [Tree::Bitcoin, Tree::Rfc6962(TreeHash::Sha256), Tree::Plain(TreeHash::Sha256)];
    let trees = trees.map(|tree| (format!("merkle.{tree}"), Recipe::Merkle(tree), 1 << 16));
    let rules = Rule::ALL.map(|rule| (format!("verify.{rule}"), Recipe::Verify(rule), SIGNATURES));
    let others = [
        ("dedup".into(), Recipe::Dedup, 1 << 16),
        ("index".into(), Recipe::Index { known: INDEXED }, 1 << 16),
        ("pow.sha256d".into(), Recipe::Pow, 1 << 18),
        ("check".into(), Recipe::Check, SIGNATURES),
        ("queue".into(), Recipe::Queue, SIGNATURES),
    ];
    hashes.chain(trees).chain(rules).chain(others).collect()
}

/// The back ends of this machine. Prints why others are missing.
fn backends() -> Vec<Arc<dyn Backend>> {
    let found = Engine::backends(&Options::default()).into_iter().map(|(_, backend)| backend);
    found.filter_map(|backend| backend.inspect_err(|reason| eprintln!("{reason}")).ok()).collect()
}

fn operations(criterion: &mut Criterion) {
    let oracle: Arc<dyn Backend> = Arc::new(Reference::new(Threads::new(0).expect("threads start")));
    let mut source = Source::new(SIGNATURES, SIGNATURES, INDEXED);
    let backends = backends();
    for (name, recipe, items) in workloads() {
        let mut group = criterion.benchmark_group(&name);
        group.throughput(throughput(recipe, items));
        for backend in backends.iter().filter(|backend| backend.serves(recipe.operation())) {
            if let Some((input, right)) = recipe.planted(&mut source.stream) {
                checked(&input, &right, backend, CallMode::Batch);
            }
            for &mode in recipe.call_modes() {
                let mut iteration = || {
                    let input = recipe.fresh(items, &mut source);
                    let right = input.answer().cloned().unwrap_or_else(|| {
                        call(&input, &oracle, CallMode::Batch).expect("the reference does not fault").0
                    });
                    checked(&input, &right, backend, mode)
                };
                let name = match mode {
                    CallMode::Batch => backend.info().to_string(),
                    CallMode::PerOperation => format!("{}, call by call", backend.info()),
                    CallMode::PerItem => format!("{}, one by one", backend.info()),
                };
                group.bench_function(name, |bencher| {
                    bencher.iter_custom(|count| (0..count).map(|_| iteration()).sum());
                });
            }
        }
    }
}

fn throughput(recipe: Recipe, items: usize) -> Throughput {
    match (recipe, recipe.item_bytes()) {
        (Recipe::Hash { .. }, [shortest, longest]) => {
            Throughput::Bytes((items * (shortest + longest) / 2) as u64)
        }
        _ => Throughput::Elements(items as u64),
    }
}

/// The time of the back end's call, whose answer must be right.
fn checked(input: &Input, right: &Answer, backend: &Arc<dyn Backend>, mode: CallMode) -> Duration {
    let (answer, time) = call(input, backend, mode).expect("the back end does not fault");
    let difference = answer.difference(right);
    assert_eq!(difference, None, "{} on {} bytes", backend.info(), input.bytes());
    time
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = operations
}
criterion_main!(benches);

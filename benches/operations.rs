//! Each operation on each back end of this machine, on fresh data in every
//! iteration; the answer to each input is compared with the reference's.

#[path = "../src/cli/bench/input.rs"]
mod input;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use verilane::ed25519::Rule;
use verilane::reference::Reference;
use verilane::{Backend, Engine, Hash, Options, Threads, Tree};

use input::{Recipe, Signed, Stream};

/// Name, recipe and number of items.
fn workloads() -> Vec<(String, Recipe, usize)> {
    let hashes = [Hash::Sha256, Hash::Sha256d, Hash::Blake3].into_iter().flat_map(|hash| {
        [32, 200, 1024].map(|length| {
            let recipe = Recipe::Hash { hash, shortest: length, longest: length };
            (format!("hash.{hash}.{length}"), recipe, (4 << 20) / length)
        })
    });
    let trees = [Tree::Bitcoin, Tree::Rfc6962(Hash::Sha256), Tree::Plain(Hash::Blake3)];
    let trees = trees.map(|tree| (format!("merkle.{tree}"), Recipe::Merkle(tree), 1 << 16));
    let rules = Rule::ALL.map(|rule| (format!("verify.{rule}"), Recipe::Verify(rule), 1 << 10));
    let others = [("dedup".into(), Recipe::Dedup, 1 << 16), ("pow.sha256d".into(), Recipe::Pow, 1 << 18)];
    hashes.chain(trees).chain(rules).chain(others).collect()
}

fn operations(criterion: &mut Criterion) {
    let oracle = Reference::new(Threads::new(0).expect("threads start"));
    let mut stream = Stream::new(0);
    let signed = Signed::new(1 << 10, &mut stream);
    let backends = Engine::backends(&Options::default());
    for (name, recipe, items) in workloads() {
        let (shortest, longest) = recipe.item_bytes();
        let mut group = criterion.benchmark_group(&name);
        group.throughput(match recipe {
            Recipe::Hash { .. } => Throughput::Bytes((items * (shortest + longest) / 2) as u64),
            _ => Throughput::Elements(items as u64),
        });
        for (kind, backend) in &backends {
            let backend = match backend {
                Ok(backend) if backend.serves(recipe.operation()) => backend.as_ref(),
                Ok(_) => continue,
                Err(reason) => {
                    eprintln!("{name} on {kind}: {reason}");
                    continue;
                }
            };
            if let Some((input, right)) = recipe.planted(&mut stream) {
                let (answer, _) = input.run(backend).expect("no fault");
                assert_eq!(answer.difference(&right), None);
            }
            group.bench_function(BenchmarkId::from_parameter(backend.info()), |bencher| {
                bencher.iter_custom(|iterations| {
                    let one = || iteration(recipe, items, &oracle, backend, &mut stream, &signed);
                    std::iter::repeat_with(one).take(iterations as usize).sum()
                });
            });
        }
    }
}

fn iteration(
    recipe: Recipe,
    items: usize,
    oracle: &dyn Backend,
    backend: &dyn Backend,
    stream: &mut Stream,
    signed: &Signed,
) -> Duration {
    let input = recipe.fresh(items, stream, signed);
    let (right, _) = input.run(oracle).expect("the reference does not fault");
    let (answer, time) = black_box(&input).run(backend).expect("no fault");
    assert_eq!(answer.difference(&right), None, "{} bytes of input", input.bytes());
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

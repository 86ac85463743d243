//! What the library reports of its own work, on standard error.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Shows warnings; with `verbose` 1 also information, with 2 and more everything.
pub fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::TRACE,
    };
    let mut targets = Targets::new().with_target("verilane", level);
    if verbose == 0 {
        // The engine warns in each call that falls back; the commands warn once.
        targets = targets.with_target("verilane::engine", LevelFilter::ERROR);
    }
    let stderr = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).without_time();
    tracing_subscriber::registry().with(targets).with(stderr).init();
}

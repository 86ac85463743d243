//! The log of the libraries, on standard error.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::color;

/// Shows warnings; from `verbose` 1 also information, from 2 everything.
pub fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::TRACE,
    };
    let mut targets = Targets::new().with_target("verilane", level);
    if verbose == 0 {
        // The engine warns on each call that falls back; commands warn once.
        targets = targets.with_target("verilane::engine", LevelFilter::ERROR);
    }
    let stderr = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(color::on_stderr())
        .without_time();
    tracing_subscriber::registry().with(targets).with(stderr).init();
}

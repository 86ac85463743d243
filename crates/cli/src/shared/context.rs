//! The options that every command has.

use anyhow::Context as _;
use clap::{ArgAction, Args, ColorChoice};
use verilane::cpu::Isa;
use verilane::{Engine, Options, Placement};

/// The options that every command has.
#[derive(Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Where to compute: reference, cpu, gpu or auto
    #[arg(long, global = true, default_value = "auto", value_name = "NAME")]
    backend: Placement,
    /// The GPU adapter to use, by part of its name; a software adapter is used only if named
    #[arg(long, global = true, value_name = "NAME")]
    adapter: Option<String>,
    /// Host threads to compute on [default: one for each processor]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// The highest instruction set to use: scalar, avx2, avx512 or avx512ifma
    #[arg(long, global = true, value_name = "LEVEL")]
    isa: Option<Isa>,
    /// When to use colours; auto: on terminals, unless NO_COLOR is set
    #[arg(long, global = true, default_value = "auto", value_name = "WHEN")]
    color: ColorChoice,
    /// Print one JSON object on standard output
    #[arg(long, global = true)]
    json: bool,
    /// Say more on standard error; twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
}

impl Global {
    /// When to use colours.
    pub fn color(&self) -> ColorChoice {
        self.color
    }

    /// How often `-v` was given.
    pub fn verbose(&self) -> u8 {
        self.verbose
    }
}

/// What every command works with.
pub struct Context {
    /// How the engine is set up.
    pub options: Options,
    /// Whether the result is printed as JSON.
    pub json: bool,
}

impl Context {
    pub fn new(global: Global) -> Self {
        let options = Options {
            placement: global.backend,
            threads: global.threads.unwrap_or(0).into(),
            isa: global.isa,
            adapter: global.adapter,
            ..Options::default()
        };
        Context { options, json: global.json }
    }

    /// The engine asked for.
    pub fn engine(&self) -> anyhow::Result<Engine> {
        Engine::with_options(&self.options).context("cannot start")
    }
}

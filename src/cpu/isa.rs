//! Instruction-set levels: their names, their detection, the cap from the caller or the
//! environment, and the macro that compiles generic code for each.
//!
//! A [`Level`] is a token: only detection makes one, so that holding it proves that the processor
//! has the level's features. [`Isa`] is a name, which proves nothing.

use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use crate::Error;

/// The environment variable that caps the level.
pub const ISA_VARIABLE: &str = "VERILANE_ISA";

macro_rules! choices {
    () => {
        "scalar, avx2, avx512, avx512ifma"
    };
}

/// The name of an instruction-set level, of any architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// One item at a time, on any processor.
    Scalar,
    /// AVX2 with FMA: 8 lanes of 32 bits, 4 of 64.
    Avx2,
    /// AVX-512 F, BW, DQ and VL: 16 lanes of 32 bits, 8 of 64.
    Avx512,
    /// AVX-512 with IFMA's 52-bit multiply-add.
    Avx512Ifma,
}

impl Isa {
    /// All names.
    pub const ALL: [Isa; 4] = [Isa::Scalar, Isa::Avx2, Isa::Avx512, Isa::Avx512Ifma];

    /// The level that this one extends.
    const fn base(self) -> Option<Isa> {
        match self {
            Isa::Scalar => None,
            Isa::Avx2 => Some(Isa::Scalar),
            Isa::Avx512 => Some(Isa::Avx2),
            Isa::Avx512Ifma => Some(Isa::Avx512),
        }
    }

    /// Whether this level is `other` or extends it, directly or through others.
    #[must_use]
    pub fn includes(self, other: Isa) -> bool {
        self == other || self.base().is_some_and(|base| base.includes(other))
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Isa::Scalar => "scalar",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Avx512Ifma => "avx512ifma",
        })
    }
}

impl FromStr for Isa {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Isa::ALL.into_iter().find(|isa| isa.to_string() == name).ok_or_else(|| Error::Name {
            what: "instruction set",
            name: name.into(),
            choices: choices!(),
        })
    }
}

/// An instruction-set level that this machine supports.
///
/// Values come from detection only. [`Isa`] names the level.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Level(pub(super) Token);

/// The levels of this architecture.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Token {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx512Ifma(Avx512Ifma),
}

/// A level with 64-bit lanes: one that has the arithmetic of curves in lanes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Level64 {
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx512Ifma(Avx512Ifma),
}

impl Level {
    /// The levels that this machine supports, each followed by those that extend it.
    pub fn available() -> impl Iterator<Item = Level> {
        [
            Some(Token::Scalar),
            #[cfg(target_arch = "x86_64")]
            Avx2::detect().map(Token::Avx2),
            #[cfg(target_arch = "x86_64")]
            Avx512::detect().map(Token::Avx512),
            #[cfg(target_arch = "x86_64")]
            Avx512Ifma::detect().map(Token::Avx512Ifma),
        ]
        .into_iter()
        .flatten()
        .map(Level)
    }

    /// The best level that this machine supports.
    pub fn detected() -> Level {
        Level::available().last().unwrap_or(Level(Token::Scalar))
    }

    /// The best supported level that both `cap` and the level named by the environment variable
    /// `VERILANE_ISA` include.
    ///
    /// # Errors
    /// [`Error::Name`] if the variable names no level; [`Error::Parameter`] if it is not Unicode.
    pub fn best(cap: Option<Isa>) -> Result<Level, Error> {
        let variable = std::env::var_os(ISA_VARIABLE).map(parse_variable).transpose()?;
        let is_within = |level: &Level| {
            let caps = [cap, variable];
            caps.into_iter().flatten().all(|cap| cap.includes(level.isa()))
        };
        Ok(Level::available().filter(is_within).last().unwrap_or(Level(Token::Scalar)))
    }

    /// The level's name.
    #[must_use]
    pub fn isa(self) -> Isa {
        match self.0 {
            Token::Scalar => Isa::Scalar,
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(_) => Isa::Avx2,
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(_) => Isa::Avx512,
            #[cfg(target_arch = "x86_64")]
            Token::Avx512Ifma(_) => Isa::Avx512Ifma,
        }
    }

    /// The level as one with 64-bit lanes, if it has them.
    pub(super) fn lanes64(self) -> Option<Level64> {
        match self.0 {
            Token::Scalar => None,
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(token) => Some(Level64::Avx2(token)),
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(token) => Some(Level64::Avx512(token)),
            #[cfg(target_arch = "x86_64")]
            Token::Avx512Ifma(token) => Some(Level64::Avx512Ifma(token)),
        }
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.isa().fmt(f)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.isa(), f)
    }
}

impl Level64 {
    /// The levels that this machine supports, each followed by those that extend it.
    #[cfg(test)]
    pub fn available() -> impl Iterator<Item = Level64> {
        Level::available().filter_map(Level::lanes64)
    }
}

impl From<Level64> for Level {
    fn from(level: Level64) -> Self {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level64::Avx2(token) => Level(Token::Avx2(token)),
            #[cfg(target_arch = "x86_64")]
            Level64::Avx512(token) => Level(Token::Avx512(token)),
            #[cfg(target_arch = "x86_64")]
            Level64::Avx512Ifma(token) => Level(Token::Avx512Ifma(token)),
        }
    }
}

impl fmt::Display for Level64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Level::from(*self), f)
    }
}

fn parse_variable(value: OsString) -> Result<Isa, Error> {
    let name = value.to_str().ok_or_else(|| Error::Parameter {
        name: ISA_VARIABLE,
        found: value.to_string_lossy().into(),
        valid: concat!("it is one of ", choices!()),
    })?;
    name.parse()
}

/// A value for each level with 64-bit lanes, made at its first use.
pub(super) struct PerLevel<T>([OnceLock<T>; 3]);

impl<T> PerLevel<T> {
    pub const fn new() -> Self {
        PerLevel([const { OnceLock::new() }; 3])
    }

    /// The value for `level`; the first call makes it.
    pub fn get_or_init(&self, level: Level64, init: impl FnOnce() -> T) -> &T {
        let index: usize = match level {
            #[cfg(target_arch = "x86_64")]
            Level64::Avx2(_) => 0,
            #[cfg(target_arch = "x86_64")]
            Level64::Avx512(_) => 1,
            #[cfg(target_arch = "x86_64")]
            Level64::Avx512Ifma(_) => 2,
        };
        self.0[index].get_or_init(init)
    }
}

/// Expands to `$then! { $arguments "feature", … }` with the features of a level: the only place
/// where they stand. A level has the features of the one that it extends.
#[cfg(target_arch = "x86_64")]
macro_rules! features {
    (Avx2, $then:ident $arguments:tt $(, $more:tt)*) => {
        $then! { $arguments "avx2", "fma", "bmi1", "bmi2" $(, $more)* }
    };
    (Avx512, $then:ident $arguments:tt $(, $more:tt)*) => {
        features! { Avx2, $then $arguments, "avx512f", "avx512bw", "avx512dq", "avx512vl" $(, $more)* }
    };
    (Avx512Ifma, $then:ident $arguments:tt $(, $more:tt)*) => {
        features! { Avx512, $then $arguments, "avx512ifma" $(, $more)* }
    };
}

/// Compiles a function with the features, for [`features!`].
#[cfg(target_arch = "x86_64")]
macro_rules! enable {
    ({ $($function:tt)* } $($feature:tt),*) => {
        #[target_feature($(enable = $feature),*)]
        $($function)*
    };
}

/// Whether the processor and the operating system support the features, for [`features!`].
#[cfg(target_arch = "x86_64")]
macro_rules! is_detected {
    ({} $($feature:tt),*) => { $(is_x86_feature_detected!($feature))&&* };
}

/// Defines a level's token.
#[cfg(target_arch = "x86_64")]
macro_rules! token {
    ($name:ident) => {
        /// Proof that the processor has the features of the level.
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub(super) struct $name(());

        impl $name {
            fn detect() -> Option<Self> {
                features! { $name, is_detected {} }.then_some($name(()))
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
token!(Avx2);
#[cfg(target_arch = "x86_64")]
token!(Avx512);
#[cfg(target_arch = "x86_64")]
token!(Avx512Ifma);

#[cfg(target_arch = "x86_64")]
impl From<Avx512Ifma> for Avx512 {
    fn from(_: Avx512Ifma) -> Self {
        Avx512(())
    }
}

/// Defines `fn $name(level, …)`, which runs `$generic::<T>(…)` compiled with the features of
/// `level`. `T` is
/// - for `U32s` the vector of 32-bit words, and `level` is a [`Level`];
/// - for `U64s` that of 64-bit words, and `level` is a [`Level64`];
/// - for `Fe` the field elements in the limb form of a [`Level64`].
///
/// `$generic`, and every function it calls with lanes, must be `#[inline(always)]`: only then
/// is it compiled with the features of the entry point.
macro_rules! dispatch {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? = $generic:ident::<U32s>) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(level: $crate::cpu::Level, $($arg: $type),*) $(-> $ret)? {
            use $crate::cpu::{isa, lanes};

            struct Kernel<T>(T);

            impl lanes::Kernel32 for Kernel<($($type,)*)> {
                type Output = dispatch!(@output $($ret)?);

                #[inline(always)]
                fn run<L: lanes::Lanes32>(self) -> Self::Output {
                    let ($($arg,)*) = self.0;
                    $generic::<L>($($arg),*)
                }
            }

            dispatch! { @entry Avx2 run32 fn avx2($($arg: $type),*) $(-> $ret)? }
            dispatch! { @entry Avx512 run32 fn avx512($($arg: $type),*) $(-> $ret)? }

            match level.0 {
                isa::Token::Scalar => $generic::<lanes::scalar::U32s>($($arg),*),
                #[cfg(target_arch = "x86_64")]
                isa::Token::Avx2(token) => avx2(token, $($arg),*),
                #[cfg(target_arch = "x86_64")]
                isa::Token::Avx512(token) => avx512(token, $($arg),*),
                // IFMA adds nothing to 32-bit lanes, so both levels share one compilation.
                #[cfg(target_arch = "x86_64")]
                isa::Token::Avx512Ifma(token) => avx512(token.into(), $($arg),*),
            }
        }
    };
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? = $generic:ident::<$what:ident>) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(level: $crate::cpu::isa::Level64, $($arg: $type),*) $(-> $ret)? {
            use $crate::cpu::{isa, lanes};

            struct Kernel<T>(T);

            impl lanes::Kernel64 for Kernel<($($type,)*)> {
                type Output = dispatch!(@output $($ret)?);

                #[inline(always)]
                fn run_f64<L: lanes::LanesF64>(self) -> Self::Output {
                    let ($($arg,)*) = self.0;
                    dispatch!(@f64 $what L, $generic($($arg),*))
                }

                #[inline(always)]
                fn run_ifma<L: lanes::LanesIfma>(self) -> Self::Output {
                    let ($($arg,)*) = self.0;
                    dispatch!(@ifma $what L, $generic($($arg),*))
                }
            }

            dispatch! { @entry Avx2 run64 fn avx2($($arg: $type),*) $(-> $ret)? }
            dispatch! { @entry Avx512 run64 fn avx512($($arg: $type),*) $(-> $ret)? }
            dispatch! { @entry Avx512Ifma run64 fn avx512ifma($($arg: $type),*) $(-> $ret)? }

            match level {
                #[cfg(target_arch = "x86_64")]
                isa::Level64::Avx2(token) => avx2(token, $($arg),*),
                #[cfg(target_arch = "x86_64")]
                isa::Level64::Avx512(token) => avx512(token, $($arg),*),
                #[cfg(target_arch = "x86_64")]
                isa::Level64::Avx512Ifma(token) => avx512ifma(token, $($arg),*),
            }
        }
    };
    // The kernel on one level. Its arguments are passed one by one, so that the compiler knows
    // which references are unique.
    (@entry $level:ident $run:ident fn $name:ident($($arg:ident: $type:ty),*) $(-> $ret:ty)?) => {
        #[cfg(target_arch = "x86_64")]
        #[allow(clippy::too_many_arguments)]
        #[inline(always)]
        fn $name(token: isa::$level, $($arg: $type),*) $(-> $ret)? {
            features! {
                $level,
                enable {
                    fn on_level(token: isa::$level, $($arg: $type),*) $(-> $ret)? {
                        token.$run(Kernel(($($arg,)*)))
                    }
                }
            }
            // SAFETY: the token proves that the processor has the features.
            #[allow(unsafe_code)]
            unsafe { on_level(token, $($arg),*) }
        }
    };
    (@output) => { () };
    (@output $ret:ty) => { $ret };
    (@f64 U64s $lanes:ident, $generic:ident($($arg:ident),*)) => { $generic::<$lanes>($($arg),*) };
    (@ifma U64s $lanes:ident, $generic:ident($($arg:ident),*)) => { $generic::<$lanes>($($arg),*) };
    // For tests of what only levels with IFMA have.
    (@f64 Ifma $lanes:ident, $generic:ident($($arg:ident),*)) => {{ let _ = ($($arg,)*); }};
    (@ifma Ifma $lanes:ident, $generic:ident($($arg:ident),*)) => { $generic::<$lanes>($($arg),*) };
    (@f64 Fe $lanes:ident, $generic:ident($($arg:ident),*)) => {
        $generic::<$crate::cpu::field25519::radix51::Field51<$lanes>>($($arg),*)
    };
    (@ifma Fe $lanes:ident, $generic:ident($($arg:ident),*)) => {
        $generic::<$crate::cpu::field25519::radix52::Field52<$lanes>>($($arg),*)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for isa in Isa::ALL {
            assert_eq!(isa.to_string().parse::<Isa>().unwrap(), isa);
        }
        let error = "mmx".parse::<Isa>().unwrap_err().to_string();
        assert_eq!(
            error,
            r#"no instruction set is called "mmx": it is one of scalar, avx2, avx512, avx512ifma"#
        );
    }

    #[test]
    fn a_level_includes_what_it_extends() {
        for (i, level) in Isa::ALL.into_iter().enumerate() {
            for (j, other) in Isa::ALL.into_iter().enumerate() {
                assert_eq!(level.includes(other), j <= i, "{level}, {other}");
            }
        }
    }

    #[test]
    fn detection_finds_whole_chains() {
        let available: Vec<Isa> = Level::available().map(Level::isa).collect();
        assert_eq!(available[0], Isa::Scalar);
        assert_eq!(available.last(), Some(&Level::detected().isa()));
        for isa in &available {
            assert!(isa.base().is_none_or(|base| available.contains(&base)), "{isa} without its base");
        }
    }

    /// What the variable caps is tested in tests/cpu_levels.rs, by a process of its own.
    #[test]
    fn a_cap_bounds_the_level() {
        let detected = Level::detected();
        for cap in Isa::ALL {
            let level = Level::best(Some(cap)).unwrap();
            assert!(cap.includes(level.isa()));
            assert!(
                !detected.isa().includes(cap) || level.isa() == cap,
                "{cap} is there, {level} was chosen"
            );
        }
        assert!(detected.isa().includes(Level::best(None).unwrap().isa()));
    }
}

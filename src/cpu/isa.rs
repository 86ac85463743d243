//! Instruction-set levels: detection, the cap from the caller or the environment, and the macro
//! that compiles generic code for each level.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use crate::Error;

/// The environment variable that caps the level.
pub const ISA_VARIABLE: &str = "VERILANE_ISA";

/// An instruction-set level. Levels are ordered: each includes all lower ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// All levels, lowest first.
    pub const ALL: [Isa; 4] = [Isa::Scalar, Isa::Avx2, Isa::Avx512, Isa::Avx512Ifma];

    /// The highest level that the processor and the operating system support.
    pub fn detected() -> Isa {
        static DETECTED: LazyLock<Isa> = LazyLock::new(detect);
        *DETECTED
    }

    /// The highest supported level that is neither above `cap` nor above the one named by the
    /// environment variable `VERILANE_ISA`.
    ///
    /// # Errors
    /// [`Error::Name`] if the variable names no level.
    pub fn best(cap: Option<Isa>) -> Result<Isa, Error> {
        let variable = match std::env::var(ISA_VARIABLE) {
            Ok(name) => Some(name.parse()?),
            Err(_) => None,
        };
        let caps = cap.into_iter().chain(variable);
        Ok(caps.fold(Isa::detected(), Isa::min))
    }

    /// The supported levels, lowest first.
    pub fn available() -> impl Iterator<Item = Isa> {
        Isa::ALL.into_iter().filter(|&isa| isa <= Isa::detected())
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Isa {
    let avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("fma");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match (avx2, avx512) {
        (true, true) if is_x86_feature_detected!("avx512ifma") => Isa::Avx512Ifma,
        (true, true) => Isa::Avx512,
        (true, false) => Isa::Avx2,
        (false, _) => Isa::Scalar,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Isa {
    Isa::Scalar
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
            choices: "scalar, avx2, avx512, avx512ifma",
        })
    }
}

/// Defines `fn $name(isa, …)`, which runs `$generic::<L>(…)` compiled with the features of
/// `isa`. `L` is the type named `$lanes` in that level's module of `lanes`.
///
/// `$generic`, and every function it calls with lanes, must be `#[inline(always)]`: only then
/// is it compiled with the features of the entry point. Panics if the processor lacks `isa`.
macro_rules! dispatch {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? = $generic:ident::<$lanes:ident>) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(isa: $crate::cpu::Isa, $($arg: $type),*) $(-> $ret)? {
            use $crate::cpu::{Isa, lanes};

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
            fn avx2($($arg: $type),*) $(-> $ret)? {
                $generic::<lanes::avx2::$lanes>($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,bmi2,avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512($($arg: $type),*) $(-> $ret)? {
                $generic::<lanes::avx512::$lanes>($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512ifma")]
            fn avx512ifma($($arg: $type),*) $(-> $ret)? {
                dispatch!(@ifma $lanes, $generic($($arg),*))
            }

            assert!(isa <= Isa::detected(), "this processor has no {isa}");
            match isa {
                // SAFETY: the assertion above guarantees the level's features.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512Ifma => unsafe { avx512ifma($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => unsafe { avx2($($arg),*) },
                _ => dispatch!(@scalar $lanes, $generic($($arg),*)),
            }
        }
    };
    // There are no scalar 64-bit lanes: at that level signatures are verified one at a time.
    (@scalar U32s, $generic:ident($($arg:ident),*)) => { $generic::<lanes::scalar::U32s>($($arg),*) };
    (@scalar $lanes:ident, $generic:ident($($arg:ident),*)) => {
        unreachable!("there are no scalar {} for {}", stringify!($lanes), stringify!($generic))
    };
    // IFMA adds nothing to 32-bit lanes, so both levels share one compilation.
    (@ifma U32s, $generic:ident($($arg:ident),*)) => { avx512($($arg),*) };
    (@ifma $lanes:ident, $generic:ident($($arg:ident),*)) => {
        $generic::<lanes::avx512ifma::$lanes>($($arg),*)
    };
}

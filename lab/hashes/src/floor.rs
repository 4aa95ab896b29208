//! What the time is made of: the length of a clock cycle, and the compression function without what is around it.

use crate::implementations::Function;
use crate::timed;
use sha2::block_api::{compress256, compress512};
use std::hint::black_box;

/// Nanoseconds of a clock cycle. A rotation and an addition, each of which waits for the one before, take one cycle each on
/// every x86-64 and 64-bit Arm core that Lambda has had. The counter of cycles itself is closed to guests of a
/// hypervisor, and would need unsafe code.
pub(crate) fn cycle() -> f64 {
    const STEPS: u32 = 10_000_000;
    let milliseconds = timed(|| {
        let (mut x, k) = (black_box(1_u64), black_box(0x9e37_79b9_7f4a_7c15_u64));
        for _ in 0..STEPS {
            x = x.rotate_left(7).wrapping_add(k);
        }
        black_box(x);
    });
    milliseconds * 1e6 / f64::from(STEPS) / 2.0
}

/// Milliseconds of as many compressions as the function's rounds ask for, each of the output of the one before.
pub(crate) fn compressions(function: Function) -> Option<f64> {
    let count = 2 * function.rounds()?.get();
    Some(match function {
        Function::Pbkdf2Sha512 => timed(|| {
            let (initial, mut block) = (black_box([1_u64; 8]), black_box([0_u8; 128]));
            for _ in 0..count {
                let mut state = initial;
                compress512(&mut state, &[block]);
                block.as_chunks_mut().0.iter_mut().zip(state).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
            }
            black_box(block);
        }),
        Function::Pbkdf2Sha256 => timed(|| {
            let (initial, mut block) = (black_box([1_u32; 8]), black_box([0_u8; 64]));
            for _ in 0..count {
                let mut state = initial;
                compress256(&mut state, &[block]);
                block.as_chunks_mut().0.iter_mut().zip(state).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
            }
            black_box(block);
        }),
        Function::Argon2id => return None,
    })
}

//! The one source of randomness: a seeded generator that repeats itself on every machine.
//!
//! It is the linear congruential generator that the documentation of `java.util.Random` specifies,
//! because Step Functions answers with that sequence where a seed is given (`$random(42)` is
//! `0.7275636800328681` there). Everything else that looks random in an execution, such as UUIDs
//! and jitter, is drawn from the same generator, so one seed fixes a whole run.

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const INCREMENT: u64 = 0xB;
const MASK: u64 = (1 << 48) - 1;

/// A seeded sequence of numbers, the same as `new java.util.Random(seed)` gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entropy {
    state: u64,
}

impl Entropy {
    /// The sequence of `seed`.
    pub fn new(seed: i64) -> Self {
        Self { state: (seed.cast_unsigned() ^ MULTIPLIER) & MASK }
    }

    /// Where the sequence has come to, for [`Entropy::from_state`].
    pub fn state(&self) -> u64 {
        self.state
    }

    /// A sequence that goes on from there.
    pub fn from_state(state: u64) -> Self {
        Self { state: state & MASK }
    }

    /// A sequence of its own for the part called `name`, which does not advance this one: what
    /// one execution or branch draws then does not depend on what its neighbours drew.
    pub fn fork(&self, name: &str) -> Self {
        let mut hash = 0xCBF2_9CE4_8422_2325_u64;
        for byte in self.state.to_le_bytes().into_iter().chain(name.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        Self::new((hash ^ (hash >> 29)).cast_signed())
    }

    /// The highest `bits` (at most 32) of the next state, as a signed number.
    fn next(&mut self, bits: u32) -> i32 {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) & MASK;
        ((self.state >> (48 - bits)) as u32).cast_signed()
    }

    /// The next of all 32-bit integers.
    pub fn next_i32(&mut self) -> i32 {
        self.next(32)
    }

    /// The next of all 64-bit integers that the generator reaches.
    pub fn next_i64(&mut self) -> i64 {
        let high = i64::from(self.next(32)) << 32;
        high.wrapping_add(i64::from(self.next(32)))
    }

    /// The next integer from zero up to `bound`, exclusive.
    ///
    /// # Panics
    ///
    /// Where `bound` is not positive.
    pub fn next_int(&mut self, bound: i32) -> i32 {
        assert!(bound > 0, "the bound of a random number must be positive");
        if bound & (bound - 1) == 0 {
            return ((i64::from(bound) * i64::from(self.next(31))) >> 31) as i32;
        }
        loop {
            let bits = self.next(31);
            let value = bits % bound;
            if bits.wrapping_sub(value).wrapping_add(bound - 1) >= 0 {
                return value;
            }
        }
    }

    /// The next integer from zero up to `bound`, exclusive, for bounds beyond 32 bits as well.
    ///
    /// # Panics
    ///
    /// Where `bound` is not positive.
    pub fn next_long(&mut self, bound: i64) -> i64 {
        if let Ok(bound) = i32::try_from(bound) {
            return i64::from(self.next_int(bound));
        }
        assert!(bound > 0, "the bound of a random number must be positive");
        loop {
            let bits = self.next_i64().cast_unsigned() >> 1;
            let value = bits % bound.cast_unsigned();
            let top = bits - value + (bound.cast_unsigned() - 1);
            if top <= i64::MAX.cast_unsigned() {
                return value.cast_signed();
            }
        }
    }

    /// The next float from zero up to one, exclusive.
    pub fn next_f64(&mut self) -> f64 {
        let high = i64::from(self.next(26)) << 27;
        (high + i64::from(self.next(27))) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// The next version 4 UUID, in lowercase with hyphens.
    pub fn next_uuid(&mut self) -> String {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next_i64().to_be_bytes());
        bytes[8..].copy_from_slice(&self.next_i64().to_be_bytes());
        bytes[6] = (bytes[6] & 0x0F) | 0x40;
        bytes[8] = (bytes[8] & 0x3F) | 0x80;
        let mut text = String::with_capacity(36);
        for (at, byte) in bytes.into_iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            for digit in [byte >> 4, byte & 0x0F] {
                text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        text
    }

    /// Goes on as [`Entropy::next_uuid`] does.
    pub fn skip_uuid(&mut self) {
        self.next_i64();
        self.next_i64();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_those_of_java() {
        assert_eq!(Entropy::new(42).next_f64(), 0.727_563_680_032_868_1);
        assert_eq!(Entropy::new(0).next_f64(), 0.730_967_787_376_657);
    }

    #[test]
    fn integers_are_those_of_java() {
        let mut entropy = Entropy::new(42);
        assert_eq!((entropy.next_i32(), entropy.next_i32()), (-1_170_105_035, 234_785_527));
        let mut entropy = Entropy::new(42);
        let tens: Vec<i32> = (0..5).map(|_| entropy.next_int(10)).collect();
        assert_eq!(tens, [0, 3, 8, 4, 0]);
        assert_eq!(Entropy::new(3).next_int(999), 239);
        assert_eq!(Entropy::new(42).next_int(16), 11);
        assert_eq!(Entropy::new(42).next_i64(), -5_025_562_857_975_149_833);
    }

    #[test]
    fn long_bounds_are_kept() {
        let mut entropy = Entropy::new(7);
        for bound in [1, 10, i64::from(i32::MAX) + 2, 1 << 40, i64::MAX] {
            let drawn = entropy.next_long(bound);
            assert!((0..bound).contains(&drawn), "{drawn} of {bound}");
        }
    }

    #[test]
    fn forks_differ_and_leave_their_origin_alone() {
        let origin = Entropy::new(1);
        assert_ne!(origin.fork("a"), origin.fork("b"));
        assert_eq!(origin.fork("a"), origin.fork("a"));
        assert_eq!(origin, Entropy::new(1));
    }

    #[test]
    fn uuids_are_version_4() {
        let uuid = Entropy::new(42).next_uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!((&uuid[14..15], &uuid[8..9]), ("4", "-"));
        assert!(matches!(&uuid[19..20], "8" | "9" | "a" | "b"));
        assert_ne!(uuid, Entropy::new(43).next_uuid());
    }
}

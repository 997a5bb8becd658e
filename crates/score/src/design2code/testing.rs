//! Random inputs that a few lines of Python make as well, and digests of what came out there.

/// Knuth's generator of 64 bits.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    /// Letters from `a` on.
    pub fn letters(&mut self, n: usize, kinds: usize) -> String {
        (0..n).map(|_| char::from_u32(97 + self.below(kinds) as u32).unwrap()).collect()
    }

    /// Costs from -1 to 0 in so many steps: few steps make many ties.
    pub fn cost(&mut self, steps: usize) -> f64 {
        0.0 - self.below(steps + 1) as f64 / steps as f64
    }

    pub fn table(&mut self, rows: usize, columns: usize, steps: usize) -> Vec<Vec<f64>> {
        (0..rows).map(|_| (0..columns).map(|_| self.cost(steps)).collect()).collect()
    }
}

/// Fowler, Noll and Vo's hash, 1a, of 64 bits.
#[derive(Debug, PartialEq)]
pub struct Digest(pub u64);

impl Digest {
    pub fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    pub fn number(&mut self, number: f64) {
        self.add(&number.to_le_bytes());
    }

    pub fn pairs(&mut self, pairs: &[(usize, usize)]) {
        pairs.iter().for_each(|&(a, b)| self.add(&[a as u8, b as u8]));
    }
}

//! Random numbers with a seed that is printed: a failure can be had again.

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
pub struct Random(u64);

impl Random {
    /// Seeded by `TIDEGATE_SEED`, else by the clock.
    pub fn from_env() -> Random {
        let clock = || {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
            u64::from(since.subsec_nanos()) ^ since.as_secs()
        };
        let seed = std::env::var("TIDEGATE_SEED")
            .map_or_else(|_| clock(), |text| text.parse().expect("TIDEGATE_SEED is a number"));
        println!("TIDEGATE_SEED={seed}");
        Random(seed)
    }

    /// 0 to `bound` - 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % bound
    }
}

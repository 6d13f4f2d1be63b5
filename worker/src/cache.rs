//! A cache bounded in bytes that drops what was not used for longest.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use patchsweep_core::scores::CacheStats;

/// Values by key, of at most a number of bytes together.
#[derive(Debug)]
pub struct ByteLru<K, V> {
    kept: HashMap<K, Kept<V>>,
    /// Keys by the moment of their last use, oldest first.
    by_use: BTreeMap<u64, K>,
    clock: u64,
    stats: CacheStats,
}

#[derive(Debug)]
struct Kept<V> {
    value: V,
    bytes: u64,
    used: u64,
}

impl<K: Clone + Eq + Hash, V> ByteLru<K, V> {
    /// Empty, for at most `budget_bytes`.
    #[must_use]
    pub fn new(budget_bytes: u64) -> Self {
        let stats = CacheStats { budget_bytes, ..CacheStats::default() };
        Self { kept: HashMap::new(), by_use: BTreeMap::new(), clock: 0, stats }
    }

    /// The value, which counts as a use; a hit or a miss is counted.
    pub fn get(&mut self, key: &K) -> Option<&V> {
        let Some(kept) = self.kept.get_mut(key) else {
            self.stats.misses += 1;
            return None;
        };
        self.stats.hits += 1;
        self.clock += 1;
        self.by_use.remove(&kept.used);
        kept.used = self.clock;
        self.by_use.insert(self.clock, key.clone());
        Some(&kept.value)
    }

    /// Keeps a value and drops others as needed; one that is larger than the budget is not kept.
    pub fn insert(&mut self, key: K, value: V, bytes: u64) {
        self.remove(&key);
        if bytes > self.stats.budget_bytes {
            return;
        }
        self.drop_down_to(self.stats.budget_bytes - bytes);
        self.clock += 1;
        self.by_use.insert(self.clock, key.clone());
        self.kept.insert(key, Kept { value, bytes, used: self.clock });
        self.stats.bytes += bytes;
    }

    /// Changes the budget; what no longer fits is dropped.
    pub fn limit(&mut self, budget_bytes: u64) {
        self.stats.budget_bytes = budget_bytes;
        self.drop_down_to(budget_bytes);
    }

    fn drop_down_to(&mut self, bytes: u64) {
        while self.stats.bytes > bytes {
            let Some((_, oldest)) = self.by_use.first_key_value() else { break };
            let oldest = oldest.clone();
            self.remove(&oldest);
            self.stats.evictions += 1;
        }
    }

    /// Counts so far and bytes held now.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.stats
    }

    fn remove(&mut self, key: &K) {
        if let Some(kept) = self.kept.remove(key) {
            self.by_use.remove(&kept.used);
            self.stats.bytes -= kept.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = ByteLru::new(30);
        for key in ["a", "b", "c"] {
            cache.insert(key, key, 10);
        }
        assert_eq!(cache.get(&"a"), Some(&"a"));
        cache.insert("d", "d", 20);
        let kept: Vec<_> = ["a", "b", "c", "d"].into_iter().filter(|key| cache.get(key).is_some()).collect();
        assert_eq!(kept, ["a", "d"]);
        let CacheStats { hits, misses, evictions, bytes, .. } = cache.stats();
        assert_eq!((hits, misses, evictions, bytes), (3, 2, 2, 30));
    }

    #[test]
    fn what_is_larger_than_the_budget_drops_nothing_else() {
        let mut cache = ByteLru::new(10);
        cache.insert(1, (), 10);
        cache.insert(2, (), 11);
        assert!(cache.get(&1).is_some() && cache.get(&2).is_none());
    }

    #[test]
    fn a_key_kept_again_replaces_its_value() {
        let mut cache = ByteLru::new(10);
        cache.insert(1, "old", 8);
        cache.insert(1, "new", 6);
        assert_eq!(cache.get(&1), Some(&"new"));
        assert_eq!(cache.stats().bytes, 6);
    }
}

//! The fuzz targets on stable, bounded: every committed seed, and the same mutations of them on every run. For as long as
//! you like, on nightly: `cargo +nightly fuzz run envelope fuzz/corpus/envelope fuzz/seeds/envelope`.

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::{fs, path::Path};

use crate::common;

/// Bytes that make an input longer than anything a target looks at are not worth their time.
const LONGEST: usize = 8 * 1024;

/// Numbers that look random and are the same on every run.
struct Dice(std::vec::IntoIter<u8>);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        let word: Vec<u8> = self.0.by_ref().take(4).collect();
        u32::from_le_bytes(word.try_into().unwrap()) as usize % limit.max(1)
    }
}

/// Changes one thing: a bit, a byte, a piece left out, doubled, or taken from another input.
fn mutate(input: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut made = input.to_vec();
    let at = dice.below(made.len() + 1);
    let length = dice.below(16) + 1;
    match dice.below(6) {
        0 if at < made.len() => made[at] ^= 1 << dice.below(8),
        1 if at < made.len() => made[at] = [0, 0xff, b'"', b'{', b'#', b'/', b'9', b'-'][dice.below(8)],
        2 => drop(made.drain(at..made.len().min(at + length))),
        3 => {
            let piece = made[at..made.len().min(at + length)].to_vec();
            made.splice(at..at, piece);
        }
        4 => {
            let from = dice.below(other.len() + 1);
            let piece = other[from..other.len().min(from + length)].to_vec();
            made.splice(at..at, piece);
        }
        _ => made.truncate(at),
    }
    made.truncate(LONGEST);
    made
}

fn run(name: &str, rounds: usize, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let mut seeds: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    let mut pool: Vec<Vec<u8>> = seeds.into_iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(pool.len() >= 8, "{name} has {} seeds", pool.len());
    for seed in &pool {
        target(seed);
    }
    let seeds = pool.len();
    let mut dice = Dice(common::noise(name.len() as u64, rounds * 32).into_iter());
    for _ in 0..rounds {
        let made = mutate(&pool[dice.below(pool.len())], &pool[dice.below(pool.len())], &mut dice);
        target(&made);
        // Mutations of mutations, but never far from a seed.
        if pool.len() < seeds * 8 {
            pool.push(made);
        } else {
            let place = seeds + dice.below(pool.len() - seeds);
            pool[place] = made;
        }
    }
}

#[test]
fn envelope() {
    run("envelope", 20_000, targets::envelope);
}

#[test]
fn answer() {
    run("answer", 3_000, targets::answer);
}

#[test]
fn collecting() {
    run("collecting", 30_000, targets::collecting);
}

#[test]
fn token() {
    run("token", 50_000, targets::token);
}

#[test]
fn link() {
    run("link", 50_000, targets::link);
}

#[test]
fn request() {
    run("request", 50_000, targets::request);
}

#[test]
fn opening() {
    run("opening", 50_000, targets::opening);
}

#[test]
fn configuration() {
    run("configuration", 20_000, targets::configuration);
}

//! What a disk may hold after a power cut: the shim's log is replayed up to a point; what was synced by then is there, and of the rest each
//! sector of each write, each truncation and each change of a name is there or isn't.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    path::Path,
};

use crate::common::noise;

/// The least that a disk writes whole; but even that may be torn.
const SECTOR: usize = 512;

/// Numbers that look random and can be drawn again from their seed (xorshift64*).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// From 0 up to, and without, `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap() % end.max(1)
    }
}

/// As in shim.c.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Written,
    Synced,
    Truncated,
    Unlinked,
    Opened,
    Renamed,
    /// Put in by the test: the record's offset is its number.
    Mark,
}

const EVENTS: [Event; 7] =
    [Event::Written, Event::Synced, Event::Truncated, Event::Unlinked, Event::Opened, Event::Renamed, Event::Mark];

pub struct Record {
    pub event: Event,
    file: u64,
    pub offset: u64,
    data: Range<usize>,
}

/// A log as it was read.
pub struct Log {
    bytes: Vec<u8>,
    pub records: Vec<Record>,
}

impl Log {
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let mut records = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let word = |number: usize| {
                let start = at + number * 8;
                u64::from_ne_bytes(bytes[start..start + 8].try_into().unwrap())
            };
            let event = EVENTS[usize::try_from(word(0)).unwrap() - 1];
            let data = at + 32..at + 32 + usize::try_from(word(3)).unwrap();
            records.push(Record { event, file: word(1), offset: word(2), data: data.clone() });
            at = data.end;
        }
        Self { bytes, records }
    }

    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    /// A mark as it stands in the log.
    pub fn mark(number: usize) -> [u8; 32] {
        let mut record = [0; 32];
        record[0] = 7;
        record[16..24].copy_from_slice(&(number as u64).to_ne_bytes());
        record
    }

    fn name(&self, record: &Record) -> String {
        String::from_utf8(self.bytes[record.data.clone()].to_vec()).unwrap()
    }
}

/// A change of a file that no sync has covered yet.
enum Change {
    Written(usize, Range<usize>),
    Truncated(usize),
}

#[derive(Default)]
struct Contents {
    synced: Vec<u8>,
    since: Vec<Change>,
}

/// The directory at one point of the log.
pub struct Image<'l> {
    log: &'l Log,
    files: Vec<Contents>,
    by_inode: HashMap<u64, usize>,
    directory: Option<u64>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    /// Names that came, or went, since the directory was synced.
    since: Vec<(String, Option<usize>)>,
}

/// How the disk treats what wasn't synced.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    Lost,
    Kept,
    /// Each for itself, by dice.
    Drawn(u64),
}

impl<'l> Image<'l> {
    pub fn new(log: &'l Log) -> Self {
        Self {
            log,
            files: Vec::new(),
            by_inode: HashMap::new(),
            directory: None,
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            since: Vec::new(),
        }
    }

    pub fn apply(&mut self, record: &Record) {
        let file = self.by_inode.get(&record.file).copied();
        match record.event {
            Event::Opened => self.open(self.log.name(record), record.file),
            Event::Unlinked => self.rename(&self.log.name(record), None),
            Event::Renamed => {
                let name = self.log.name(record);
                let (from, to) = name.split_once('/').unwrap();
                self.rename(from, Some(to));
            }
            Event::Synced if Some(record.file) == self.directory => {
                self.synced_names = self.names_after(None);
                self.since.clear();
            }
            Event::Synced => {
                let contents = &mut self.files[file.unwrap()];
                contents.synced = contents.after(&self.log.bytes, None);
                contents.since.clear();
            }
            Event::Written => {
                let offset = usize::try_from(record.offset).unwrap();
                self.files[file.unwrap()].since.push(Change::Written(offset, record.data.clone()));
            }
            Event::Truncated => {
                let length = usize::try_from(record.offset).unwrap();
                self.files[file.unwrap()].since.push(Change::Truncated(length));
            }
            Event::Mark => {}
        }
    }

    /// A name that is known is no change.
    fn open(&mut self, name: String, inode: u64) {
        if name.is_empty() {
            self.directory = Some(inode);
        } else if !self.names.contains_key(&name) {
            self.files.push(Contents::default());
            let file = self.files.len() - 1;
            self.by_inode.insert(inode, file);
            self.names.insert(name.clone(), file);
            self.since.push((name, Some(file)));
        }
    }

    fn rename(&mut self, from: &str, to: Option<&str>) {
        let file = self.names.remove(from);
        self.since.push((from.to_owned(), None));
        if let (Some(to), Some(file)) = (to, file) {
            self.names.insert(to.to_owned(), file);
            self.since.push((to.to_owned(), Some(file)));
        }
    }

    /// The names that are there: of the changes of each, the first ones, as many as the dice say.
    fn names_after(&self, mut dice: Option<&mut Draw>) -> BTreeMap<String, usize> {
        let mut names = self.synced_names.clone();
        let mut stopped: Vec<&str> = Vec::new();
        for (name, file) in &self.since {
            if stopped.contains(&name.as_str()) {
                continue;
            }
            if dice.as_mut().is_some_and(|dice| !dice.keeps()) {
                stopped.push(name);
                continue;
            }
            match file {
                Some(file) => names.insert(name.clone(), *file),
                None => names.remove(name),
            };
        }
        names
    }

    /// Writes to `directory` what a power cut leaves now. The reserve and the lock are as any; what SQLite shares between
    /// processes is rubbish, or not there.
    pub fn cut(&self, fate: Fate, reserve: u64, directory: &Path) {
        let mut draw = Draw::new(fate);
        let names = self.names_after(Some(&mut draw));
        for (name, file) in names {
            let path = directory.join(&name);
            if name.ends_with("-reserve") {
                std::fs::File::create(path).unwrap().set_len(reserve).unwrap();
            } else if name.ends_with("-shm") {
                if draw.keeps() {
                    std::fs::write(path, noise(1, 32 * 1024)).unwrap();
                }
            } else {
                std::fs::write(path, self.files[file].after(&self.log.bytes, Some(&mut draw))).unwrap();
            }
        }
    }
}

impl Contents {
    /// The file's bytes, with what the dice keep of what wasn't synced; all of it without dice.
    fn after(&self, log: &[u8], mut dice: Option<&mut Draw>) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for change in &self.since {
            match change {
                Change::Truncated(length) => {
                    if dice.as_mut().is_none_or(|dice| dice.keeps()) {
                        bytes.resize(*length, 0);
                    }
                }
                Change::Written(offset, data) => {
                    let mut at = *offset;
                    let mut left = &log[data.clone()];
                    while !left.is_empty() {
                        let (sector, rest) = left.split_at(left.len().min(SECTOR - at % SECTOR));
                        let kept = dice.as_mut().map_or(0..sector.len(), |dice| dice.part(sector.len()));
                        let (from, to) = (at + kept.start, at + kept.end);
                        if !kept.is_empty() {
                            bytes.resize(bytes.len().max(to), 0);
                            bytes[from..to].copy_from_slice(&sector[kept]);
                        }
                        at += sector.len();
                        left = rest;
                    }
                }
            }
        }
        bytes
    }
}

/// Draws what becomes of each change.
struct Draw {
    fate: Fate,
    dice: Dice,
    /// Of a hundred, how many are kept.
    share: usize,
}

impl Draw {
    fn new(fate: Fate) -> Self {
        let mut dice = Dice::new(if let Fate::Drawn(seed) = fate { seed } else { 0 });
        let share = [10, 50, 90][dice.below(3)];
        Self { fate, dice, share }
    }

    fn keeps(&mut self) -> bool {
        match self.fate {
            Fate::Lost => false,
            Fate::Kept => true,
            Fate::Drawn(_) => self.dice.below(100) < self.share,
        }
    }

    /// Which bytes of so many are kept: all, none, or, of one in twenty, the first or the last.
    fn part(&mut self, length: usize) -> Range<usize> {
        if matches!(self.fate, Fate::Drawn(_)) && self.dice.below(20) == 0 {
            let torn = self.dice.below(length + 1);
            return if self.dice.below(2) == 0 { 0..torn } else { torn..length };
        }
        if self.keeps() { 0..length } else { 0..0 }
    }
}

//! Bytes in memory: one buffer that a content travels in from the network to the disk and back, which wipes itself, and a bound on
//! what is held at once.

mod budget;
mod file;

use std::{collections::TryReserveError, fmt, ops::Range};

use zeroize::{Zeroize, Zeroizing};

pub use budget::{Budget, Reservation, SMALL};
pub use file::{read_regular, whole};

/// Bytes that a buffer has free before its content: a nonce of XChaCha20-Poly1305.
const HEADROOM: usize = 24;
/// And behind it: a tag.
const TAILROOM: usize = 16;

/// Room beside a content that isn't worth a move.
const SPARE: usize = 64 * 1024;

/// A content, in one allocation from its first byte to its last: room for a nonce before it and a tag behind it, so that it is sealed
/// and opened where it is. Grows without leaving a copy behind, wipes itself when dropped, prints nothing.
///
/// ```
/// use ots::memory::Buffer;
///
/// let mut buffer = Buffer::default();
/// buffer.append(b"say hunter2 once", None)?;
/// buffer.narrow(4..11);
/// assert_eq!(buffer.as_ref(), b"hunter2");
/// # Ok::<(), std::collections::TryReserveError>(())
/// ```
#[derive(Default)]
pub struct Buffer {
    bytes: Zeroizing<Vec<u8>>,
    content: Range<usize>,
    reservation: Reservation,
}

impl Buffer {
    /// An empty buffer with room for `capacity` bytes of content.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn with_capacity(capacity: usize) -> Result<Self, TryReserveError> {
        let mut bytes = Zeroizing::new(Vec::new());
        bytes.try_reserve_exact(capacity.saturating_add(HEADROOM + TAILROOM))?;
        bytes.resize(HEADROOM, 0);
        Ok(Self { bytes, content: HEADROOM..HEADROOM, reservation: Reservation::default() })
    }

    /// Counts the buffer under `budget` for at least `bytes` bytes, or under the one that it is counted under already; false when they
    /// aren't free.
    #[must_use]
    pub fn reserve(&mut self, budget: &Budget, bytes: usize) -> bool {
        self.reservation.grow(budget, bytes)
    }

    /// Counts the buffer under `budget` in place of where it was counted; false when there is no room for it there.
    #[must_use]
    pub fn move_to(&mut self, budget: &Budget) -> bool {
        let moved = budget.reserve(self.len());
        let fits = moved.is_some();
        self.reservation = moved.unwrap_or_else(|| std::mem::take(&mut self.reservation));
        fits
    }

    /// Counts `bytes` that are made of this buffer where it is counted, room or no room.
    #[must_use]
    pub fn beside(&self, bytes: usize) -> Reservation {
        self.reservation.beside(bytes)
    }

    /// Has the buffer counted by what was taken for it.
    #[must_use]
    pub fn counted(mut self, reservation: Reservation) -> Self {
        self.reservation = reservation;
        self
    }

    /// Appends to the content. `expected` is how long it is going to be, if that is known: once a good part has come, the rest has its
    /// room at once.
    ///
    /// # Errors
    /// When there is no memory for it; the buffer is as it was.
    pub fn append(&mut self, data: &[u8], expected: Option<usize>) -> Result<(), TryReserveError> {
        let length = self.content.len() + data.len();
        if self.content.end.saturating_add(data.len() + TAILROOM) > self.bytes.capacity() {
            let mut larger = Self::with_capacity(room(length, expected))?;
            larger.bytes.extend_from_slice(self.as_ref());
            larger.content.end = larger.bytes.len();
            larger.reservation = std::mem::take(&mut self.reservation);
            *self = larger;
        }
        self.bytes.truncate(self.content.end);
        self.bytes.extend_from_slice(data);
        self.content.end = self.bytes.len();
        Ok(())
    }

    /// Makes a part of the content all of it.
    ///
    /// # Panics
    /// When `range` isn't within the content.
    pub fn narrow(&mut self, range: Range<usize>) {
        assert!(range.start <= range.end && range.end <= self.content.len(), "it is a part of the content");
        self.content = self.content.start + range.start..self.content.start + range.end;
    }

    /// Makes the content longer by a nonce in front and a tag behind, of any bytes; what else lay there is overwritten.
    ///
    /// # Errors
    /// When there is no memory for it: only a buffer that was narrowed to its very beginning has to move.
    pub(crate) fn widen(&mut self, before: usize, after: usize) -> Result<(), TryReserveError> {
        if self.content.start < before || self.content.end + after > self.bytes.capacity() {
            let mut moved = Self::with_capacity(self.content.len() + before + after)?;
            moved.append(self.as_ref(), None)?;
            moved.reservation = std::mem::take(&mut self.reservation);
            *self = moved;
        }
        let end = self.content.end + after;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.content = self.content.start - before..end;
        Ok(())
    }

    /// Lets go of room that is far more than the content: a content that came escaped takes a part of what came.
    ///
    /// # Errors
    /// When there is no memory to move it; the buffer is as it was.
    pub fn shrink(&mut self) -> Result<(), TryReserveError> {
        let spare = self.bytes.len().saturating_sub(self.content.len());
        if spare > (self.content.len() / 2).max(SPARE) {
            let mut smaller = Self::with_capacity(self.content.len())?;
            smaller.append(self.as_ref(), None)?;
            smaller.reservation = std::mem::take(&mut self.reservation);
            *self = smaller;
        }
        Ok(())
    }

    /// Bytes of content.
    #[must_use]
    pub fn len(&self) -> usize {
        self.content.len()
    }

    /// Whether there is no content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.content.is_empty()
    }
}

/// How much room is made for `length` bytes of a content, of which `expected` are going to come if that is known.
#[must_use]
pub fn room(length: usize, expected: Option<usize>) -> usize {
    const SIXTEENTH: usize = 16;
    let doubled = length.saturating_mul(2);
    match expected {
        Some(expected) if length > expected => doubled,
        Some(expected) if length.saturating_mul(SIXTEENTH) >= expected || expected <= 64 * 1024 => expected,
        Some(expected) => doubled.min(expected),
        None => doubled,
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(self.content.clone()).unwrap_or_default()
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.content.clone()).unwrap_or_default()
    }
}

impl From<Zeroizing<Vec<u8>>> for Buffer {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        let content = 0..bytes.len();
        Self { bytes, content, reservation: Reservation::default() }
    }
}

impl From<&[u8]> for Buffer {
    fn from(content: &[u8]) -> Self {
        let mut bytes = Zeroizing::new(Vec::with_capacity(HEADROOM + content.len() + TAILROOM));
        bytes.resize(HEADROOM, 0);
        bytes.extend_from_slice(content);
        let content = HEADROOM..bytes.len();
        Self { bytes, content, reservation: Reservation::default() }
    }
}

impl Zeroize for Buffer {
    fn zeroize(&mut self) {
        self.bytes.zeroize();
        self.content = 0..0;
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Buffer(…)")
    }
}

/// Appends to a buffer that wipes itself, moving to a larger one by hand so that no unwiped copy is left behind. It grows
/// with what has come, at most to `expected` bytes where that is known and enough.
///
/// # Errors
/// When there is no memory for it; the buffer is as it was.
pub fn append(bytes: &mut Zeroizing<Vec<u8>>, data: &[u8], expected: Option<usize>) -> Result<(), TryReserveError> {
    let needed = bytes.len() + data.len();
    if needed > bytes.capacity() {
        let mut larger = Zeroizing::new(Vec::new());
        larger.try_reserve_exact(room(needed, expected))?;
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
    bytes.extend_from_slice(data);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BLOCK: usize = 100 * 1024; // as no small one is

    #[test]
    fn a_buffer_takes_what_it_lacks_and_gives_it_back() {
        let budget = Budget::new(10 * BLOCK);
        let mut buffer = Buffer::default();
        assert!(buffer.reserve(&budget, 3 * BLOCK) && buffer.reserve(&budget, 8 * BLOCK));
        assert!(buffer.reserve(&budget, BLOCK), "it has that already");
        assert!(budget.reserve(3 * BLOCK).is_none());
        assert!(!buffer.reserve(&budget, 11 * BLOCK));
        let other = Budget::new(10 * BLOCK);
        buffer.append(&vec![0; 9 * BLOCK], None).unwrap();
        assert!(buffer.move_to(&other) && budget.reserve(10 * BLOCK).is_some(), "it is counted elsewhere");
        assert!(other.reserve(2 * BLOCK).is_none());
        drop(buffer);
        assert!(other.reserve(10 * BLOCK).is_some());
    }

    #[test]
    fn a_buffer_that_was_narrowed_lets_go_of_the_rest() {
        let mut buffer = Buffer::from(&vec![7; 6 << 20][..]);
        buffer.narrow(100..1 << 20);
        buffer.shrink().unwrap();
        assert!(buffer.as_ref() == vec![7; (1 << 20) - 100] && buffer.bytes.capacity() < (1 << 20) + 100);
    }

    #[test]
    fn room_is_made_for_what_has_come_and_then_for_all() {
        let mut buffer = Buffer::default();
        buffer.append(&[1; 1000], Some(1 << 20)).unwrap();
        assert!(buffer.bytes.capacity() < 4096, "an announcement alone takes no memory");
        buffer.append(&vec![2; 70_000], Some(1 << 20)).unwrap();
        let place = buffer.bytes.as_ptr();
        buffer.append(&vec![3; (1 << 20) - 71_000], Some(1 << 20)).unwrap();
        assert_eq!(buffer.bytes.as_ptr(), place, "a sixteenth had come: it didn't move again");
        assert_eq!(buffer.len(), 1 << 20);
    }

    proptest! {
        #[test]
        fn a_buffer_holds_what_was_appended_narrowed_and_widened(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..10),
            cut in any::<(prop::sample::Index, prop::sample::Index)>(),
            expected in proptest::option::of(0_usize..4000),
        ) {
            let mut buffer = Buffer::default();
            for part in &parts {
                buffer.append(part, expected).unwrap();
            }
            let all = parts.concat();
            prop_assert_eq!(buffer.as_ref(), &all[..]);
            let (one, other) = (cut.0.index(all.len() + 1), cut.1.index(all.len() + 1));
            let range = one.min(other)..one.max(other);
            buffer.narrow(range.clone());
            prop_assert_eq!(buffer.as_ref(), &all[range.clone()]);
            buffer.widen(HEADROOM, TAILROOM).unwrap();
            prop_assert_eq!(buffer.len(), range.len() + HEADROOM + TAILROOM);
            prop_assert_eq!(&buffer.as_ref()[HEADROOM..HEADROOM + range.len()], &all[range]);
        }
    }
}

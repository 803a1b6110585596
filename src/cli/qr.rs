//! A link as a QR code on stderr: half blocks, two modules a character, so that stdout stays a link alone.

use console::Term;
use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

use super::{Global, terminal};

/// The quiet zone around a code, in modules: as the standard wants it, and what is still enough where there is no more room.
const QUIET_ZONES: [usize; 2] = [4, 2];

/// Why no code is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum QrError {
    #[error("the link is too long for one")]
    TooLong,
    #[error(
        "it needs {columns} columns and {rows} rows, and the terminal has {} and {}: make it larger, or the letters smaller",
        .terminal.1, .terminal.0
    )]
    NoRoom { columns: usize, rows: usize, terminal: (u16, u16) },
}

/// Shows a text as a QR code. On a terminal that is too small for the whole of it, nothing: a part can't be scanned.
pub(super) fn show(global: &Global, text: &str) -> Result<(), QrError> {
    let room = terminal::stderr_is_terminal().then(|| Term::stderr().size_checked()).flatten();
    let code = draw(text, global.coloured(), room)?;
    terminal::say(code.trim_end_matches('\n'));
    Ok(())
}

/// The code in lines, for a terminal of so many rows and columns, or for a file.
fn draw(text: &str, coloured: bool, room: Option<(u16, u16)>) -> Result<Zeroizing<String>, QrError> {
    // A screen has neither stains nor creases: the least redundancy makes the least code.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).map_err(|_| QrError::TooLong)?;
    let size = |quiet: usize| (code.width() + 2 * quiet, (code.width() + 2 * quiet).div_ceil(2));
    let fits = |quiet: &usize| {
        let (columns, rows) = size(*quiet);
        room.is_none_or(|(height, width)| rows <= usize::from(height) && columns <= usize::from(width))
    };
    match (QUIET_ZONES.into_iter().find(fits), room) {
        (Some(quiet), _) => Ok(blocks(&code, quiet, coloured)),
        (None, terminal) => {
            let (columns, rows) = size(QUIET_ZONES.into_iter().min().unwrap_or_default());
            Err(QrError::NoRoom { columns, rows, terminal: terminal.unwrap_or_default() })
        }
    }
}

/// With colours black on white, whatever the terminal's own are; without, what is light is drawn, as on a dark terminal.
fn blocks(code: &QrCode, quiet: usize, coloured: bool) -> Zeroizing<String> {
    const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
    const AS_BEFORE: &str = "\x1b[0m";
    let (width, modules) = (code.width(), code.to_colors());
    let side = width + 2 * quiet;
    let drawn = |x: usize, y: usize| {
        let (x, y) = (x.checked_sub(quiet).filter(|x| *x < width), y.checked_sub(quiet));
        let module = x.zip(y).and_then(|(x, y)| modules.get(y * width + x));
        (module == Some(&Color::Dark)) == coloured
    };
    let line = side * '█'.len_utf8() + BLACK_ON_WHITE.len() + AS_BEFORE.len() + 1;
    let mut text = Zeroizing::new(String::with_capacity(side.div_ceil(2) * line));
    for y in (0..side).step_by(2) {
        text.push_str(if coloured { BLACK_ON_WHITE } else { "" });
        text.extend((0..side).map(|x| match (drawn(x, y), drawn(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        }));
        text.push_str(if coloured { AS_BEFORE } else { "" });
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str =
        "https://ots.example.org/s/u6rgeakdc5ytdnnaubbdjlp7myhw2igk#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn size(code: &str) -> (usize, usize) {
        (code.lines().count(), code.lines().map(|line| line.chars().count()).max().unwrap())
    }

    #[test]
    fn a_code_is_whole_or_it_is_said_that_there_is_no_room() {
        assert_eq!(size(&draw(LINK, false, None).unwrap()), (23, 45));
        assert_eq!(size(&draw(LINK, false, Some((24, 80))).unwrap()), (23, 45));
        assert_eq!(size(&draw(LINK, false, Some((21, 41))).unwrap()), (21, 41), "with less around it");
        for room in [(20, 80), (24, 40)] {
            let error = draw(LINK, false, Some(room)).unwrap_err();
            assert_eq!(error, QrError::NoRoom { columns: 41, rows: 21, terminal: room });
        }
        assert_eq!(draw(&"x".repeat(3000), false, None), Err(QrError::TooLong));
    }

    /// The buffer has its size from the start: what it grew out of would be left behind.
    #[test]
    fn nothing_grows() {
        for coloured in [true, false] {
            let code = draw(LINK, coloured, None).unwrap();
            assert!(code.capacity() <= 23 * (45 * 3 + 24), "{}", code.capacity());
        }
    }
}

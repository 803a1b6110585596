//! Damage to pages: bits that flip, and whole pages that are overwritten.

use std::path::Path;

use super::{Left, Touched, run};
use crate::common::{heavy, noise};

const PAGE: usize = 2048;

/// A page, and what damage to it touches.
#[derive(Debug, Clone)]
struct Page {
    kind: String,
    number: usize,
    touched: Touched,
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    /// Other bytes all over it.
    Noise,
    Zeros,
    /// One bit, at so many bytes from its start.
    Bit(usize),
}

struct Case {
    page: Page,
    damage: Damage,
}

/// Two leaves of each table and index, two pages that overflow, and one of what else there is: above the leaves, the map of pointers, and
/// what is free.
fn pages(data: &Path) -> Vec<Page> {
    let database = rusqlite::Connection::open(data.join("ots.db")).unwrap();
    let mut statement = database
        .prepare(
            "SELECT name, pagetype, pageno, CASE pagetype WHEN 'overflow' THEN 1 ELSE
                 (SELECT sum(ncell) FROM dbstat AS below WHERE below.name = here.name AND below.pagetype != 'overflow'
                  AND below.path LIKE here.path || '%') END
             FROM dbstat AS here",
        )
        .unwrap();
    let used = statement.query_map([], |row| {
        let (name, kind): (String, String) = (row.get(0)?, row.get(1)?);
        let secrets: usize = row.get(3)?;
        let touched = match &*kind {
            "overflow" => Touched { secrets, erased: 1 },
            // SQLite balances a leaf with those beside it.
            _ => Touched { secrets: 3 * secrets, erased: 0 },
        };
        Ok(Page { kind: format!("{name}, {kind}"), number: row.get(2)?, touched })
    });
    let used: Vec<Page> = used.unwrap().map(Result::unwrap).collect();
    let bytes = std::fs::read(data.join("ots.db")).unwrap();
    let number_at = |at: usize| usize::try_from(u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())).unwrap();
    let trunk = number_at(32);
    let leaf = number_at((trunk - 1) * PAGE + 8);
    // No secret lies there; but every removal needs them, so that none may be given.
    let all = Touched { secrets: usize::MAX, erased: 0 };
    let of_its_own = |kind: &str, number| Page { kind: kind.to_owned(), number, touched: all };
    let mut chosen = vec![
        of_its_own("the map of pointers", 2),
        of_its_own("free, a trunk", trunk),
        of_its_own("free, a leaf", leaf),
    ];
    for page in used {
        let most = if page.kind.ends_with("internal") { 1 } else { 2 };
        if chosen.iter().filter(|other| other.kind == page.kind).count() < most {
            chosen.push(page);
        }
    }
    chosen
}

/// Whatever page is damaged, the secrets on others don't notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_harms_no_other() {
    let _alone = heavy();
    let left = Left::new(240).await;
    let pages = pages(left.data.path());
    let kinds: std::collections::BTreeSet<&str> = pages.iter().map(|page| page.kind.as_str()).collect();
    for kind in
        ["record, leaf", "record, internal", "payload, leaf", "payload, internal", "payload, overflow", "held, leaf"]
    {
        assert!(kinds.contains(kind), "{kinds:?}");
    }
    assert!(kinds.contains("record_by_deadline, internal") && kinds.len() >= 12, "{kinds:?}");
    let mut cases = Vec::new();
    for page in pages {
        let anywhere = usize::from(noise(page.number as u64, 1)[0]) * PAGE / 256;
        // Two of them for each page, so that each kind of page has all of them.
        let all = [Damage::Noise, Damage::Bit(5), Damage::Zeros, Damage::Bit(anywhere)];
        let half = 2 * (cases.len() / 2 % 2);
        cases.extend(all.into_iter().skip(half).take(2).map(|damage| Case { page: page.clone(), damage }));
    }
    let damage = |case: &Case, data: &Path| {
        let path = data.join("ots.db");
        let mut bytes = std::fs::read(&path).unwrap();
        let page = &mut bytes[(case.page.number - 1) * PAGE..case.page.number * PAGE];
        match case.damage {
            Damage::Noise => page.copy_from_slice(&noise(99, PAGE)),
            Damage::Zeros => page.fill(0),
            Damage::Bit(at) => page[at] ^= 4,
        }
        std::fs::write(path, bytes).unwrap();
        case.page.touched
    };
    run(&left, cases, damage, |case| format!("{:?} on page {} ({})", case.damage, case.page.number, case.page.kind))
        .await;
}

//! The paths in a Rust source that lead to the crate's modules, made absolute. It knows as much of the language as that takes.

/// The module that a file is: `src/server/pages/mod.rs` is `server::pages`.
pub fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').filter(|part| *part != "lib").map(str::to_owned).collect()
}

/// Each path that begins with `crate`, `super`, `self` or the crate's name, from the crate's root, without those words.
pub fn paths_in(module: &[String], source: &str) -> Vec<Vec<String>> {
    let code = without_comments_and_literals(source);
    let tokens = tokens(&code);
    let mut found = Vec::new();
    let mut module = module.to_vec();
    // Modules within the file: how deep in braces each began.
    let (mut depth, mut within) = (0, Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at..] {
            ["mod", name, "{", ..] => {
                module.push(name.to_owned());
                within.push(depth);
                depth += 1;
                at += 3;
            }
            ["crate" | "super" | "self" | "ots", "::", ..] if at == 0 || tokens[at - 1] != "::" => {
                let mut tree = Vec::new();
                at = read_tree(&tokens, at, &[], &mut tree);
                found.extend(tree.iter().map(|path| absolute(&module, path)));
            }
            ["{", ..] => (depth, at) = (depth + 1, at + 1),
            ["}", ..] => {
                depth -= 1;
                if within.last() == Some(&depth) {
                    within.pop();
                    module.pop();
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    found
}

/// Reads `a::b`, `a::{b, c::d}`, `a as b` from `at` on, and gives where it ends.
fn read_tree<'a>(tokens: &[&'a str], mut at: usize, before: &[&'a str], found: &mut Vec<Vec<&'a str>>) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens.get(at) {
            Some(&"{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| *token != "}") {
                    at = if tokens[at] == "," { at + 1 } else { read_tree(tokens, at, &path, found).max(at + 1) };
                }
                return at + 1;
            }
            Some(word) if *word == "*" || is_word(word) => {
                path.push(word);
                at += 1;
            }
            _ => {}
        }
        if tokens.get(at) != Some(&"::") {
            break;
        }
        at += 1;
        if !tokens.get(at).is_some_and(|next| ["{", "*"].contains(next) || is_word(next)) {
            break; // a turbofish
        }
    }
    found.push(path);
    if tokens.get(at) == Some(&"as") { at + 2 } else { at }
}

/// What a path means in a module.
fn absolute(module: &[String], path: &[&str]) -> Vec<String> {
    let mut whole = Vec::new();
    for (place, word) in path.iter().enumerate() {
        match *word {
            "self" if place == 0 => whole = module.to_vec(),
            "super" if place == 0 => whole = module[..module.len().saturating_sub(1)].to_vec(),
            "super" => drop(whole.pop()),
            "crate" | "ots" | "self" => {}
            word => whole.push(word.to_owned()),
        }
    }
    whole
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Words, `::`, and every other character by itself.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let in_word = |character: char| character.is_alphanumeric() || character == '_';
        let length = if in_word(first) {
            rest.find(|character| !in_word(character)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

fn without_comments_and_literals(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            Some(rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            Some(rest.find("*/").map_or(rest.len(), |end| end + 2))
        } else if first == 'r' && ["", "b", "c"].contains(&last_word(&code)) {
            raw_string(rest)
        } else if first == '"' {
            Some(string(rest))
        } else if first == '\'' {
            character(rest)
        } else {
            None
        };
        code.push(if skipped.is_some() { ' ' } else { first });
        rest = &rest[skipped.unwrap_or(first.len_utf8())..];
    }
    code
}

fn last_word(code: &str) -> &str {
    code.rsplit(|character: char| !character.is_alphanumeric() && character != '_').next().unwrap_or_default()
}

/// How long a string is, from its quote on.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (place, character) in text.char_indices().skip(1) {
        match character {
            '"' if !escaped => return place + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// How long a raw string is; none when the `r` begins a word.
fn raw_string(text: &str) -> Option<usize> {
    let hashes = text[1..].chars().take_while(|character| *character == '#').count();
    let inner = text[1 + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(inner.find(&end).map_or(text.len(), |at| 2 + hashes + at + end.len()))
}

/// How long a character is; none when the quote begins a lifetime.
fn character(text: &str) -> Option<usize> {
    let inner = &text[1..];
    if let Some(escape) = inner.strip_prefix('\\') {
        let first = escape.chars().next()?.len_utf8();
        return escape[first..].find('\'').map(|end| 2 + first + end + 1);
    }
    let first = inner.chars().next()?.len_utf8();
    inner[first..].starts_with('\'').then_some(1 + first + 1)
}

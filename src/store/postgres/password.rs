//! The password where libpq looks for it: `PGPASSWORD`, then the file that `PGPASSFILE` names, then `~/.pgpass`.

use std::{
    io,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::Address;

/// Where a password may be found.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// `PGPASSWORD`.
    pub password: Option<Zeroizing<Vec<u8>>>,
    /// `PGPASSFILE`, else `.pgpass` in the home directory.
    pub file: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = set("HOME").map(|home| Path::new(&home).join(".pgpass"));
        Self {
            password: set("PGPASSWORD").map(|value| Zeroizing::new(value.into_encoded_bytes())),
            file: set("PGPASSFILE").map(PathBuf::from).or(home),
        }
    }
}

impl Address {
    /// The same, with the password that is found for it, if it has none of its own.
    #[must_use]
    pub fn with_password_of(self, surroundings: &Surroundings) -> Self {
        if self.has_password() {
            return self;
        }
        if let Some(password) = &surroundings.password {
            return self.with_password(password, false);
        }
        let Some(path) = &surroundings.file else { return self };
        match read(path) {
            Ok(lines) => match find(&lines, &self) {
                Some(password) => self.with_password(&password, false),
                None => self,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => self,
            Err(error) => {
                tracing::warn!(%error, "{} is not read for a password", path.display());
                self
            }
        }
    }
}

/// A file that only its owner can read: as libpq, no other is believed.
pub(super) fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if path.metadata()?.permissions().mode() & 0o077 != 0 {
            return Err(io::Error::other("others can read it: chmod 600 it"));
        }
    }
    std::fs::read(path).map(Zeroizing::new)
}

/// The password of the first line whose host, port, database and user are these, or `*`.
fn find(lines: &[u8], address: &Address) -> Option<Zeroizing<Vec<u8>>> {
    let is = |field: &[u8], wanted: &str| field == b"*" || field == wanted.as_bytes();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#")) {
        let fields = fields(line.strip_suffix(b"\r").unwrap_or(line));
        let [host, port, database, user, password] = &fields[..] else { continue };
        let there = |(name, number): &(String, u16)| is(host, name) && is(port, &number.to_string());
        if address.hosts().iter().any(there) && is(database, address.database()) && is(user, address.user()) {
            return Some(password.clone());
        }
    }
    None
}

/// What stands between colons; a backslash takes the next character as it is.
fn fields(line: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut fields = vec![Zeroizing::new(Vec::with_capacity(line.len()))];
    let mut bytes = line.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b':' => fields.push(Zeroizing::new(Vec::with_capacity(line.len()))),
            byte => {
                let taken = if *byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte };
                if let Some(field) = fields.last_mut() {
                    field.push(*taken);
                }
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let address: Address = "postgres://ots@a:5433,b:5432/secrets".parse().unwrap();
        for (lines, password) in [
            ("a:5433:secrets:ots:one\na:5433:secrets:ots:two", Some("one")),
            ("# a:5433:secrets:ots:one\nb:5432:*:ots:t\\:w\\\\o\r\n", Some("t:w\\o")),
            ("*:*:*:*:any", Some("any")),
            ("b:5433:secrets:ots:no\na:5433:other:ots:no\na:5433:secrets:me:no\nnonsense", None),
        ] {
            let found = find(lines.as_bytes(), &address).map(|found| String::from_utf8(found.to_vec()).unwrap());
            assert_eq!(found.as_deref(), password, "{lines}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_url_comes_first_then_the_variable_then_a_file_that_is_kept() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pgpass");
        std::fs::write(&file, "*:*:*:*:of the file").unwrap();
        let of_file = Surroundings { password: None, file: Some(file.clone()) };
        let bare: Address = "postgres://h/ots".parse().unwrap();
        let password = |address: Address, surroundings: &Surroundings| {
            address.with_password_of(surroundings).config.get_password().map(<[u8]>::to_vec)
        };
        for (mode, expected) in [(0o644, None), (0o600, Some(b"of the file".to_vec()))] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(password(bare.clone(), &of_file), expected, "{mode:o}");
        }
        let variable = Surroundings { password: Some(Zeroizing::new(b"of the variable".to_vec())), ..of_file };
        assert_eq!(password(bare, &variable), Some(b"of the variable".to_vec()));
        assert_eq!(password("postgres://a:own@h/ots".parse().unwrap(), &variable), Some(b"own".to_vec()));
    }
}

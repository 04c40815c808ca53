//! What extra headers of a tar file say of the member behind them: GNU's long names, and PAX records
//! (POSIX.1-2017, pax interchange format).

/// Of a sparse file, in whichever of its formats.
pub const SPARSE: &str = "a sparse file, which programs put together in different ways: write it without --sparse";

/// What extra headers say of the next member.
#[derive(Debug, Default)]
pub struct Extended {
    /// Its names: one, where programs agree.
    pub names: Vec<Vec<u8>>,
    /// How many bytes it has.
    pub size: Option<u64>,
    /// Why programs may extract another file than the one that stands there.
    pub doubt: Option<&'static str>,
    /// Whether its content is not what stands there.
    pub is_sparse: bool,
    /// The types of the headers that said so.
    kinds: Vec<u8>,
}

impl Extended {
    /// Notes the type of one more header of the member; an error for a second one of its kind: for some programs only the
    /// last counts, for some the first, and others add them up.
    pub fn count(&mut self, kind: u8) -> Result<(), &'static str> {
        // `X` is Sun's name for `x`.
        let kind = if kind == b'X' { b'x' } else { kind };
        if matches!(kind, b'x' | b'L') && self.kinds.contains(&kind) {
            return Err("a member has two extended headers of one kind, and programs take one or the other");
        }
        self.kinds.push(kind);
        Ok(())
    }

    /// Gives it the name in GNU's header for long ones: behind its end there are zeros.
    pub fn long_name(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        self.name(&bytes[..end]);
        match bytes[end..].iter().all(|byte| *byte == 0) {
            true => Ok(()),
            false => Err("a long name goes on behind a zero, where some programs end it"),
        }
    }

    /// Gives it a name.
    pub fn name(&mut self, name: &[u8]) {
        if name.is_empty() {
            self.doubt = Some("its name is empty in one header, and another one has a name");
        }
        if let Some(end) = name.iter().position(|byte| *byte == 0) {
            self.doubt = Some("its name goes on behind a zero, where some programs end it");
            self.names.push(name[..end].to_vec());
        }
        if self.names.first().is_some_and(|first| first != name) {
            self.doubt = self.doubt.or(Some("it has two names, and programs take one or the other"));
        }
        self.names.push(name.to_vec());
    }

    /// Reads PAX records. Of what can't be read, nobody knows what others make of it.
    pub fn read(&mut self, records: &[u8]) -> Result<(), &'static str> {
        each(records, |key, value| {
            match key {
                b"path" => {
                    if value.contains(&b'\n') {
                        self.doubt = Some("its name has two lines, and programs that read lines don't see it");
                    }
                    self.name(value);
                }
                b"size" if self.size.is_some() => {
                    return Err("a member has two sizes, and programs take one or the other");
                }
                b"size" => self.size = Some(digits(value).ok_or("a size in an extended header is no number")?),
                _ if is_sparse(key) => {
                    (self.doubt, self.is_sparse) = (Some(SPARSE), true);
                    self.names.extend((key == b"GNU.sparse.name").then(|| value.to_vec()));
                }
                _ => {}
            }
            Ok(())
        })
    }
}

/// PAX records for all that follows: what would change names, sizes or contents is taken by some programs, and not by others.
pub fn check_global(records: &[u8]) -> Result<(), &'static str> {
    each(records, |key, _| match key {
        b"path" | b"linkpath" | b"size" => {
            Err("one header gives a name or a size to all that follow: programs extract them by other names")
        }
        _ if is_sparse(key) => Err("one header says that all that follow are sparse: programs extract them otherwise"),
        _ => Ok(()),
    })
}

fn is_sparse(key: &[u8]) -> bool {
    key.starts_with(b"GNU.sparse.") || key == b"SCHILY.realsize" || key == b"SUN.holesdata"
}

/// Only keys that are known to be one thing for all programs: GNU tar takes no notice of blanks in front of one, and what it or
/// another program calls its own may change names and contents.
fn check_key(key: &[u8]) -> Result<(), &'static str> {
    // Names of attributes have all kinds of characters.
    let of_attribute = ATTRIBUTES.iter().find_map(|start| key.strip_prefix(start.as_bytes()));
    let is_plain = match of_attribute {
        Some(name) => !name.is_empty() && !name.iter().any(u8::is_ascii_control),
        None => !key.is_empty() && key.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte)),
    };
    if !is_plain {
        return Err("an extended header has a key with characters that programs read in different ways");
    }
    let of_program = std::str::from_utf8(key).ok().and_then(|key| key.split_once('.'));
    let is_known = match of_program {
        _ if of_attribute.is_some() || is_sparse(key) => true,
        Some(("GNU", key)) => key == "volume.label",
        Some(("SCHILY", key)) => key.starts_with("acl.") || SCHILY.contains(&key),
        Some(("SUN", key)) => matches!(key, "devmajor" | "devminor"),
        // Another program's own keys are for nobody else.
        Some(_) => true,
        None => POSIX.iter().any(|known| known.as_bytes() == key),
    };
    if is_known { Ok(()) } else { Err("an extended header has a key that is not known") }
}

/// How keys begin that carry attributes.
const ATTRIBUTES: [&str; 2] = ["SCHILY.xattr.", "LIBARCHIVE.xattr."];

/// POSIX's own keys.
const POSIX: [&str; 13] = [
    "atime",
    "charset",
    "comment",
    "ctime",
    "gid",
    "gname",
    "hdrcharset",
    "linkpath",
    "mtime",
    "path",
    "size",
    "uid",
    "uname",
];

/// Those of star's that change neither names nor contents.
const SCHILY: [&str; 9] = ["ace", "archtype", "dev", "devmajor", "devminor", "fflags", "ino", "nlink", "release"];

/// `LENGTH KEY=VALUE\n`, one after the other; behind them there may be zeros.
fn each(records: &[u8], mut tell: impl FnMut(&[u8], &[u8]) -> Result<(), &'static str>) -> Result<(), &'static str> {
    let mut rest = records;
    while rest.iter().any(|byte| *byte != 0) {
        let (key, value, behind) = record(rest).ok_or("an extended header can't be read")?;
        check_key(key)?;
        // Some programs read lines, whatever length a record says that it has.
        if value.split(|byte| *byte == b'\n').skip(1).any(|line| line.contains(&b'=')) {
            return Err("an extended header has a record inside of another one, which only some programs see");
        }
        tell(key, value)?;
        rest = behind;
    }
    Ok(())
}

fn record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(digits(&records[..space])?).ok()?;
    let record = records.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &records[length..]))
}

/// Digits and nothing else: signs, blanks and zeros in front are read in several ways.
fn digits(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    if text.len() > 1 && text.starts_with('0') { None } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record with the length that it says.
    fn pax(text: &[u8]) -> Vec<u8> {
        let rest = [b" ", text, b"\n"].concat();
        let length = (1..).find(|length: &usize| length.to_string().len() + rest.len() == *length).expect("a number");
        [length.to_string().as_bytes(), &rest].concat()
    }

    fn read(records: &[u8]) -> (Extended, bool) {
        let mut extended = Extended::default();
        let is_read = extended.read(records).is_ok();
        (extended, is_read)
    }

    #[test]
    fn records_that_programs_agree_on() {
        let records = [pax(b"path=a b"), pax(b"size=12"), pax(b"comment=path=other\n9 path x"), vec![0; 3]].concat();
        let (extended, is_read) = read(&records);
        assert!(is_read && extended.doubt.is_none());
        assert_eq!((extended.names, extended.size), (vec![b"a b".to_vec()], Some(12)));
        assert_eq!(check_global(&pax(b"comment=0a")), Ok(()));
    }

    #[test]
    fn keys() {
        let known = "atime comment hdrcharset GNU.volume.label SCHILY.acl.access SCHILY.dev SCHILY.xattr.user.%3D LIBARCHIVE.creationtime
            LIBARCHIVE.xattr.com.apple.metadata:_kMDItem RHT.security.selinux MSWINDOWS.rawsd APK-TOOLS.checksum.SHA1 SUN.devmajor";
        for key in known.split_whitespace().chain(["SCHILY.xattr.user.a b"]) {
            let record = pax(format!("{key}=x").as_bytes());
            assert!(read(&record).1 && check_global(&record).is_ok(), "{key}");
        }
        let unknown: [&[u8]; 21] = [
            b"",
            b" path",
            b"\tpath",
            b" \tsize",
            b"path ",
            b"pa th",
            b"path\0",
            b"\0path",
            b"pa\nth",
            b"\rpath",
            b"\x0bpath",
            b"\x7fpath",
            b"\xc2\xa0path",
            b"path/",
            b"PATH",
            b"GNU.dumpdir",
            b"GNU.volume.filename",
            b"SCHILY.filetype",
            b"SCHILY.offset",
            b"SCHILY.xattr.",
            b"LIBARCHIVE.xattr.a\0b",
        ];
        for key in unknown {
            let record = pax(&[key, b"=1"].concat());
            assert!(!read(&record).1 && check_global(&record).is_err(), "{}", String::from_utf8_lossy(key));
        }
    }

    #[test]
    fn records_that_they_read_otherwise() {
        let bad: [&[u8]; 11] = [
            b"9 path=ab",
            b"8 path=ab\n",
            b"+9 path=a\n",
            b"010 path=a\n",
            b" 9 path=a\n",
            b"9 path a\n",
            b"99 path=a\n",
            b"0 a=b\n",
            b"9 path=a\n\09 path=b\n",
            b"26 comment=x\n12 path=evil\n\n",
            b"99999999999999999999999 a=b\n",
        ];
        let bad = bad.into_iter().map(<[u8]>::to_vec);
        for bad in bad.chain([&b"size=+1"[..], b"size=", b"size=0x1", b"size= 1", b"size=01"].map(pax)) {
            assert!(!read(&bad).1, "{}", String::from_utf8_lossy(&bad));
            assert!(check_global(&bad).is_err());
        }
        let two_names = [pax(b"path=a"), pax(b"path=b")].concat();
        let doubtful = [&b"path="[..], b"path=a\0b", b"path=a\nb", b"GNU.sparse.name=a", b"SCHILY.realsize=1"].map(pax);
        for doubtful in doubtful.into_iter().chain([two_names]) {
            let (extended, is_read) = read(&doubtful);
            assert!(is_read && extended.doubt.is_some(), "{}", String::from_utf8_lossy(&doubtful));
        }
        for global in [&b"path=a"[..], b"linkpath=a", b"size=12", b"GNU.sparse.major=1", b"SCHILY.realsize=1"] {
            assert!(check_global(&pax(global)).is_err(), "{}", String::from_utf8_lossy(global));
        }
    }
}

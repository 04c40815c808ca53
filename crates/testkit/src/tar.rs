//! A tar writer that shares no code with pgseal's own, and writes invalid archives too.

/// A member of an archive: its raw header, and its content before the padding.
#[derive(Clone)]
pub struct Member {
    pub header: [u8; 512],
    pub content: Vec<u8>,
}

/// An archive under construction.
#[derive(Clone)]
pub struct Tar {
    pub members: Vec<Member>,
    /// Bytes after the last member; two zero blocks by default.
    pub end: Vec<u8>,
}

impl Member {
    /// A member in the one permitted form.
    pub fn new(name: &str, content: &[u8]) -> Self {
        let mut member = Self {
            header: [0; 512],
            content: content.to_vec(),
        };
        member.set(100, b"0000644\0");
        member.set(108, b"0000000\0");
        member.set(116, b"0000000\0");
        member.set(124, format!("{:011o}\0", content.len()).as_bytes());
        member.set(136, b"00000000000\0");
        member.set(156, b"0");
        member.set(257, b"ustar\x0000");
        member.set(329, b"0000000\0");
        member.set(337, b"0000000\0");
        member.rename(name);
        member
    }

    /// Sets header bytes, and updates the checksum.
    pub fn set(&mut self, at: usize, bytes: &[u8]) {
        self.header[at..at + bytes.len()].copy_from_slice(bytes);
        self.header[148..156].copy_from_slice(b"        ");
        let sum: u32 = self.header.iter().map(|byte| u32::from(*byte)).sum();
        self.header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }

    /// Changes the member's name, of up to 100 bytes.
    pub fn rename(&mut self, name: &str) {
        let mut field = [0; 100];
        field[..name.len()].copy_from_slice(name.as_bytes());
        self.set(0, &field);
    }

    pub fn name(&self) -> String {
        let end = self.header[..100]
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(100);
        String::from_utf8_lossy(&self.header[..end]).into_owned()
    }
}

impl Tar {
    /// Splits a bundle into its members.
    pub fn of(bundle: &[u8]) -> Self {
        let (mut members, mut at) = (Vec::new(), 0);
        while bundle[at..at + 512] != [0; 512] {
            let header: [u8; 512] = bundle[at..at + 512].try_into().expect("512 bytes");
            let digits = std::str::from_utf8(&header[124..135]).expect("octal digits");
            let size = usize::from_str_radix(digits, 8).expect("octal digits");
            members.push(Member {
                header,
                content: bundle[at + 512..at + 512 + size].to_vec(),
            });
            at += 512 + size.div_ceil(512) * 512;
        }
        Self {
            members,
            end: bundle[at..].to_vec(),
        }
    }

    /// The bytes of the archive.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for member in &self.members {
            bytes.extend(member.header);
            bytes.extend(&member.content);
            bytes.resize(bytes.len().div_ceil(512) * 512, 0);
        }
        bytes.extend(&self.end);
        bytes
    }

    /// The index of a member.
    pub fn at(&self, name: &str) -> usize {
        self.members
            .iter()
            .position(|member| member.name() == name)
            .expect("the bundle has this member")
    }

    /// A member, for modification.
    pub fn member(&mut self, name: &str) -> &mut Member {
        let at = self.at(name);
        &mut self.members[at]
    }

    /// The index of the release's first file, which follows the signatures and additions.
    pub fn first_file(&self) -> usize {
        self.members
            .iter()
            .position(|member| place(&member.name()).0 == 5)
            .unwrap_or(self.members.len())
    }

    /// Inserts a member in order, after one of the same name.
    pub fn add(&mut self, member: Member) {
        let after = |other: &Member| place(&other.name()) > place(&member.name());
        let at = self
            .members
            .iter()
            .position(after)
            .unwrap_or(self.members.len());
        self.members.insert(at, member);
    }
}

/// The order of members (FORMAT.md 2.4).
fn place(name: &str) -> (u8, &str) {
    let section = match name.split_once('/') {
        None if name == "pgseal" => 0,
        None if name == "statement.json" => 1,
        Some(("signatures", _)) => 2,
        Some(("approvals", _)) => 3,
        Some(("timestamps", _)) => 4,
        _ => 5,
    };
    (section, name)
}

//! The bodies of functions between BEGIN and END, in which a `;` ends no statement, as psql counts them.

/// Where the count stands in a statement.
#[derive(Default)]
pub(super) struct Bodies {
    /// Open BEGIN and CASE, by their bytes of the statement's text.
    begins: Vec<usize>,
    first_words: [u8; 4],
    word_count: usize,
    saw_begin: bool,
}

impl Bodies {
    /// Counts BEGIN, CASE and END as psql does, only where the statement starts like CREATE FUNCTION.
    pub fn word(&mut self, word: &[u8], at: usize, outside_parentheses: bool) {
        if self.word_count == 0 {
            self.first_words = [0; 4];
        }
        if self.word_count < 4 {
            const HEAD: [&[u8]; 5] = [b"create", b"function", b"procedure", b"or", b"replace"];
            if HEAD.iter().any(|head| word.eq_ignore_ascii_case(head)) {
                self.first_words[self.word_count] = word[0].to_ascii_lowercase();
            }
        }
        self.word_count = self.word_count.saturating_add(1);
        let in_function = matches!(self.first_words, [b'c', b'f' | b'p', ..] | [b'c', b'o', b'r', b'f' | b'p']);
        if !in_function || !outside_parentheses {
            return;
        }
        if word.eq_ignore_ascii_case(b"begin") {
            self.saw_begin = true;
            self.begins.push(at);
        } else if word.eq_ignore_ascii_case(b"case") {
            if !self.begins.is_empty() {
                self.begins.push(at);
            }
        } else if word.eq_ignore_ascii_case(b"end") {
            self.begins.pop();
        }
    }

    /// The words of another statement come.
    pub fn begin_statement(&mut self) {
        self.word_count = 0;
    }

    /// As if a file began; a BEGIN that was counted is not forgotten.
    pub fn anew(&self) -> Self {
        Self { saw_begin: self.saw_begin, ..Self::default() }
    }

    /// Where the innermost open BEGIN or CASE stands.
    pub fn innermost(&self) -> Option<usize> {
        self.begins.last().copied()
    }

    /// Whether a BEGIN was counted; forgets it.
    pub fn take_saw_begin(&mut self) -> bool {
        std::mem::take(&mut self.saw_begin)
    }
}

//! The bodies of functions between BEGIN and END, in which a `;` ends no statement, as psql counts them.
//!
//! psql's minor releases count differently. Up to 15.18 the words that `\if` leaves out stay counted, and `\;` begins
//! the count of a statement's words anew also inside of a body or of parentheses. 15.20 goes back to the count before
//! the branch, and `\;` begins anew only where `;` would end the statement. Both were measured with psql itself. Both
//! counts are kept from where they part to where they meet again, and a `;` that ends a statement in one of them only
//! is told apart.

/// What a `;` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Part of the statement.
    Inside,
    /// The end of the statement.
    Statement,
    /// The end of the statement for some releases of psql only.
    Disputed,
}

/// The counts in a statement.
#[derive(Default)]
pub(super) struct Bodies {
    /// As psql 15.20 counts.
    count: Count,
    /// As psql 15.18 counts, where that is another count.
    older: Option<Count>,
    saw_begin: bool,
}

/// One release's count.
#[derive(Clone, Default)]
pub(super) struct Count {
    /// Open BEGIN and CASE, by their bytes of the statement's text.
    begins: Vec<usize>,
    first_words: [u8; 4],
    word_count: usize,
}

impl Bodies {
    /// Counts BEGIN, CASE and END as psql does, only where the statement starts like CREATE FUNCTION.
    pub fn word(&mut self, word: &[u8], at: usize, outside_parentheses: bool) {
        self.saw_begin |= self.count.word(word, at, outside_parentheses);
        if let Some(older) = &mut self.older {
            self.saw_begin |= older.word(word, at, outside_parentheses);
        }
    }

    /// A `;` comes.
    pub fn semicolon(&mut self, outside_parentheses: bool) -> End {
        let ends = self.count.end_statement(outside_parentheses);
        let older_ends = self.older.as_mut().map_or(ends, |older| older.end_statement(outside_parentheses));
        self.meet();
        match (ends, older_ends) {
            (true, true) => End::Statement,
            (false, false) => End::Inside,
            _ => End::Disputed,
        }
    }

    /// A `\;` comes.
    pub fn joined(&mut self, outside_parentheses: bool) {
        let older = self.older.get_or_insert_with(|| self.count.clone());
        older.begin_words();
        self.count.end_statement(outside_parentheses);
        self.meet();
    }

    /// The count to go back to where a branch that begins here is left out.
    pub fn count(&self) -> Count {
        self.count.clone()
    }

    /// Goes back to that count.
    pub fn set_count(&mut self, count: Count) {
        let left_out = std::mem::replace(&mut self.count, count);
        self.older.get_or_insert(left_out);
        self.meet();
    }

    /// As if a file began; a BEGIN that was counted is not forgotten.
    pub fn anew(&self) -> Self {
        Self { saw_begin: self.saw_begin, ..Self::default() }
    }

    /// Where the innermost open BEGIN or CASE stands.
    pub fn innermost(&self) -> Option<usize> {
        self.count.begins.last().copied()
    }

    /// Whether a BEGIN was counted; forgets it.
    pub fn take_saw_begin(&mut self) -> bool {
        std::mem::take(&mut self.saw_begin)
    }

    fn meet(&mut self) {
        if self.older.as_ref().is_some_and(|older| older.goes_on_like(&self.count)) {
            self.older = None;
        }
    }
}

impl Count {
    /// True for a BEGIN that counts.
    fn word(&mut self, word: &[u8], at: usize, outside_parentheses: bool) -> bool {
        if self.word_count < 4 {
            const HEAD: [&[u8]; 5] = [b"create", b"function", b"procedure", b"or", b"replace"];
            if HEAD.iter().any(|head| word.eq_ignore_ascii_case(head)) {
                self.first_words[self.word_count] = word[0].to_ascii_lowercase();
            }
        }
        self.word_count = self.word_count.saturating_add(1);
        let in_function = matches!(self.first_words, [b'c', b'f' | b'p', ..] | [b'c', b'o', b'r', b'f' | b'p']);
        if !in_function || !outside_parentheses {
            return false;
        }
        if word.eq_ignore_ascii_case(b"begin") {
            self.begins.push(at);
            return true;
        }
        if word.eq_ignore_ascii_case(b"case") {
            if !self.begins.is_empty() {
                self.begins.push(at);
            }
        } else if word.eq_ignore_ascii_case(b"end") {
            self.begins.pop();
        }
        false
    }

    /// Whether a `;` here ends the statement; then the words of another come.
    fn end_statement(&mut self, outside_parentheses: bool) -> bool {
        let ends = outside_parentheses && self.begins.is_empty();
        if ends {
            self.begin_words();
        }
        ends
    }

    fn begin_words(&mut self) {
        (self.first_words, self.word_count) = ([0; 4], 0);
    }

    /// Whether both make the same of whatever comes.
    fn goes_on_like(&self, other: &Self) -> bool {
        let words = |count: &Self| (count.first_words, count.word_count.min(4));
        self.begins.len() == other.begins.len() && words(self) == words(other)
    }
}

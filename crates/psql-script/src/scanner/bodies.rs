//! psql's count of BEGIN and END in the bodies of functions, in which a `;` ends no statement.
//!
//! psql's minor releases count differently. Up to 15.18, words in a branch that is not taken stay
//! counted, and `\;` restarts the count of a statement's words also inside of a body or of
//! parentheses. 15.20 restores the count before the branch, and `\;` restarts only where `;` would
//! end the statement. Both were measured with psql itself. Both counts are kept from their
//! divergence until they agree again. A `;` that ends a statement in only one of them is reported
//! as disputed.

/// Meaning of a `;`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Part of the statement.
    Inside,
    /// The end of the statement.
    Statement,
    /// The end of the statement for some releases of psql only.
    Disputed,
}

/// Both counts of a statement.
#[derive(Default)]
pub(super) struct Bodies {
    /// The count of psql 15.20.
    count: Count,
    /// The count of psql 15.18, while it differs.
    older: Option<Count>,
    saw_begin: bool,
}

/// One release's count.
#[derive(Clone, Default)]
pub(super) struct Count {
    /// Open BEGIN and CASE, by their bytes in the statement's text.
    begins: Vec<usize>,
    first_words: [u8; 4],
    word_count: usize,
}

impl Bodies {
    /// Counts BEGIN, CASE and END as psql does: only in a statement that starts like CREATE
    /// FUNCTION.
    pub fn word(&mut self, word: &[u8], at: usize, outside_parentheses: bool) {
        self.saw_begin |= self.count.word(word, at, outside_parentheses);
        if let Some(older) = &mut self.older {
            self.saw_begin |= older.word(word, at, outside_parentheses);
        }
    }

    /// Counts a `;`.
    pub fn semicolon(&mut self, outside_parentheses: bool) -> End {
        let ends = self.count.end_statement(outside_parentheses);
        let older_ends = self
            .older
            .as_mut()
            .map_or(ends, |older| older.end_statement(outside_parentheses));
        self.meet();
        match (ends, older_ends) {
            (true, true) => End::Statement,
            (false, false) => End::Inside,
            _ => End::Disputed,
        }
    }

    /// Counts a `\;`.
    pub fn joined(&mut self, outside_parentheses: bool) {
        let older = self.older.get_or_insert_with(|| self.count.clone());
        older.begin_words();
        self.count.end_statement(outside_parentheses);
        self.meet();
    }

    /// The count to restore if the branch that begins here is not taken.
    pub fn count(&self) -> Count {
        self.count.clone()
    }

    /// Restores that count.
    pub fn set_count(&mut self, count: Count) {
        let left_out = std::mem::replace(&mut self.count, count);
        self.older.get_or_insert(left_out);
        self.meet();
    }

    /// The counts at the beginning of a file, except that a counted BEGIN is kept.
    pub fn anew(&self) -> Self {
        Self {
            saw_begin: self.saw_begin,
            ..Self::default()
        }
    }

    /// The byte of the innermost open BEGIN or CASE.
    pub fn innermost(&self) -> Option<usize> {
        self.count.begins.last().copied()
    }

    /// True if a BEGIN was counted; resets the mark.
    pub fn take_saw_begin(&mut self) -> bool {
        std::mem::take(&mut self.saw_begin)
    }

    fn meet(&mut self) {
        if self
            .older
            .as_ref()
            .is_some_and(|older| older.goes_on_like(&self.count))
        {
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
        let in_function = matches!(
            self.first_words,
            [b'c', b'f' | b'p', ..] | [b'c', b'o', b'r', b'f' | b'p']
        );
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

    /// True if a `;` here ends the statement; then the words of the next one are counted.
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

    /// True if both treat all following text alike.
    fn goes_on_like(&self, other: &Self) -> bool {
        let words = |count: &Self| (count.first_words, count.word_count.min(4));
        self.begins.len() == other.begins.len() && words(self) == words(other)
    }
}

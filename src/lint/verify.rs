//! `verify-asserts-nothing`: a script that holds whatever the database is like proves nothing.

use super::tokens::{Kind, Tokens};

/// Functions that answer whatever they are given.
const HARMLESS: &str = "\
    count sum min max avg coalesce nullif greatest least string_agg array_agg json_agg jsonb_agg bool_and bool_or every \
    now clock_timestamp current_setting to_regclass to_regproc to_regtype version current_schema row_number rank \
    json_build_object jsonb_build_object concat concat_ws format length lower upper exists in values and or not over \
    filter where from as when then else any all some on using select";

/// Whether a statement of a verify script can fail, or returns a column `ok`. In doubt it can: the warning is about
/// scripts that certainly prove nothing.
pub fn asserts(sql: &str) -> bool {
    let tokens = Tokens::of(sql);
    let asks = ["select", "with", "values", "table"].into_iter().any(|word| tokens.is(0, word)) || tokens.is(0, "(");
    if !asks {
        // SET, SHOW, COMMENT and the like fail only where somebody mistyped them.
        return tokens.len() > 0 && !["set", "reset", "show", "explain"].into_iter().any(|word| tokens.is(0, word));
    }
    (0..tokens.len()).any(|i| {
        let Some(token) = tokens.get(i) else { return false };
        let is_ok = match token.kind {
            Kind::Word => token.text.eq_ignore_ascii_case("ok"),
            Kind::Quoted => token.text == "\"ok\"",
            _ => false,
        };
        // A star may bring a column ok; that of count(*) doesn't.
        let star = tokens.is(i, "*") && !(i > 0 && tokens.is(i - 1, "(")) && (i == 0 || begins_column(&tokens, i));
        let cast = tokens.is(i, ":") && tokens.is(i + 1, ":") || tokens.is(i, "cast");
        let divides = tokens.is(i, "/") || tokens.is(i, "%");
        let calls = token.kind == Kind::Word
            && tokens.is(i + 1, "(")
            && !HARMLESS.split(' ').any(|name| token.text.eq_ignore_ascii_case(name));
        is_ok || star || cast || divides || calls
    })
}

/// Whether a star stands where a column would, not between two numbers.
fn begins_column(tokens: &Tokens<'_>, star: usize) -> bool {
    ["select", ",", ".", "distinct", "all"].into_iter().any(|before| tokens.is(star - 1, before))
}

#[cfg(test)]
mod tests {
    use super::asserts;

    #[test]
    fn what_can_fail() {
        for sql in [
            "select 'x' as name, count(*) = 0 as ok from t",
            "select \"ok\" from checks",
            "with a as (select 1) select * from checks",
            "select c.* from checks c",
            "do $$ begin raise exception 'x'; end $$",
            "select 1 / count(*) from t",
            "select 'public.t'::regclass",
            "select app.assert_all()",
            "insert into t values (1)",
        ] {
            assert!(asserts(sql), "{sql}");
        }
        for sql in [
            "select count(*) from t",
            "select 2 * 3, count(*) from t where a in (1, 2)",
            "select to_regclass('t') is not null as there",
            "set timezone = 'UTC'",
            "select 'ok'",
            "select 1 -- ok",
        ] {
            assert!(!asserts(sql), "{sql}");
        }
    }
}

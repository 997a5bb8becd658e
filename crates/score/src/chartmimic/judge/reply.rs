//! The score in a judge's reply (docs/specs/chartmimic.md, 9): `Score: N/100` first, else the last
//! `Score: N`. Marks of emphasis and case are ignored, and fractions are truncated. A reply
//! without a number from 0 to 100 has no score; that is not 0.

/// The score, from 0 to 100.
pub fn score(reply: &str) -> Option<u32> {
    let plain: String = reply.chars().filter(|c| !matches!(c, '*' | '_' | '`')).collect();
    let plain = plain.to_ascii_lowercase();
    let found: Vec<(u32, Option<u32>)> =
        plain.match_indices("score").filter_map(|(at, _)| after(&plain, at)).collect();
    let of_hundred = found.iter().find(|(_, of)| *of == Some(100));
    // `Score: 15/20` gives the points of one criterion, not the score.
    let last = || found.iter().rfind(|(_, of)| of.is_none());
    of_hundred.or_else(last).map(|(score, _)| *score).filter(|score| *score <= 100)
}

/// `N` and what it is of, if a number follows `score:` at `at`, which must begin a word.
fn after(text: &str, at: usize) -> Option<(u32, Option<u32>)> {
    if text[..at].ends_with(|c: char| c.is_alphanumeric()) {
        return None;
    }
    let rest = text[at + "score".len()..].trim_start().strip_prefix(':')?.trim_start();
    let (score, rest) = number(rest)?;
    let of = rest.trim_start().strip_prefix('/').and_then(|rest| number(rest.trim_start()));
    Some((score, of.map(|(of, _)| of)))
}

/// An integer, a fraction behind it skipped, and the rest.
fn number(text: &str) -> Option<(u32, &str)> {
    let digits = |t: &str| t.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    let value = text[..whole].parse().ok()?;
    let rest = &text[whole..];
    let fraction = rest.strip_prefix('.').map_or(0, digits);
    Some((value, if fraction > 0 { &rest[1 + fraction..] } else { rest }))
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn replies_of_many_judges() {
        for (reply, want) in [
            ("Comments:\n- Text: fine (20/20)\n\nScore: 87/100", Some(87)),
            ("**Score: 91/100**", Some(91)),
            ("**Score:** 64 / 100.", Some(64)),
            ("### `SCORE`: _70_/100", Some(70)),
            ("Score: 55", Some(55)),
            ("Score: 10\n...\nScore: 72", Some(72)),
            ("Score: 80/100\nScore: 12", Some(80)),
            ("Layout score: 8/10\nScore: 77", Some(77)),
            ("Score: 15/20\nFinal score: 66/100", Some(66)),
            ("score :  88.5/100", Some(88)),
            ("Score: 100", Some(100)),
            ("Score: 0/100", Some(0)),
            ("Score: 850", None),
            ("Score: 99999999999999", None),
            ("Score: -5", None),
            ("Score: <number>", None),
            ("Subscore: 12", None),
            ("I cannot judge these pictures.", None),
            ("", None),
        ] {
            assert_eq!(score(reply), want, "{reply}");
        }
    }
}

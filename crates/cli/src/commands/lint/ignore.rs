//! `# vsdpo: ignore[rule, ...]`: a comment in the lines of a statement at fault silences its findings.

use super::known;
use crate::emit::Checked;
use crate::terminal;
use vsdpo_artifact::Defect;
use vsdpo_credit::comments;

/// One such comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignore {
    line: usize,
    /// The rules; empty means all.
    rules: Vec<&'static str>,
}

/// The comments of a script that silence something. A rule that does not exist is remarked on.
pub fn ignores(file: &str, source: &str) -> Vec<Ignore> {
    let mut found = Vec::new();
    for (line, text) in comments(source) {
        let Some(names) = asked(text) else { continue };
        match known(&names) {
            Ok(rules) => found.push(Ignore { line, rules }),
            Err(e) => terminal::remark(&format!("warning: {}:{line}: {e:#}", terminal::clean_line(file))),
        }
    }
    found
}

/// The rules that a comment names; `None` if it is no such comment.
fn asked(comment: &str) -> Option<Vec<String>> {
    let rest = comment.trim_start_matches('#').trim_start().strip_prefix("vsdpo:")?;
    let rest = rest.trim_start().strip_prefix("ignore")?;
    let Some(list) = rest.trim_start().strip_prefix('[') else {
        return rest.chars().next().is_none_or(char::is_whitespace).then(Vec::new);
    };
    let (names, _) = list.split_once(']')?;
    Some(names.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned).collect())
}

/// Whether a finding is silenced: a statement at fault has a comment that names its rule.
pub fn silenced(ignores: &[Ignore], defect: &Defect, checked: &Checked) -> bool {
    let named = |ignore: &&Ignore| ignore.rules.is_empty() || ignore.rules.contains(&defect.rule);
    let blamed = checked.blamed(defect);
    ignores
        .iter()
        .filter(named)
        .any(|ignore| blamed.iter().any(|s| (s.statement.line..=s.statement.end_line).contains(&ignore.line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_name_rules_or_all() {
        let names = |text| asked(text);
        assert_eq!(names("# vsdpo: ignore"), Some(vec![]));
        assert_eq!(
            names("#vsdpo:ignore[tiny-text, chart/text-overlap]"),
            Some(vec!["tiny-text".into(), "chart/text-overlap".into()])
        );
        assert_eq!(names("# vsdpo: ignore  because it is small"), Some(vec![]));
        assert_eq!(names("# vsdpo: ignored"), None);
        assert_eq!(names("# see vsdpo: ignore"), None);
        assert_eq!(names("# vsdpo: ignore[a"), None);
        let found = ignores("x.py", "a = '# vsdpo: ignore'\nb(1)  # vsdpo: ignore[text-overlap]\n");
        assert_eq!(found, [Ignore { line: 2, rules: vec!["chart/text-overlap"] }]);
    }
}

/// True if one choice that the SPDX expression offers consists of allowed licences only. The slash of older manifests
/// means `OR`.
pub(super) fn allowed(expression: &str, allow: &[&str]) -> Result<bool, String> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let verdict = any(&mut rest, allow)?;
    if rest.is_empty() {
        Ok(verdict)
    } else {
        Err(format!(
            "`{}` is left over in `{expression}`",
            rest.join(" ")
        ))
    }
}

fn eat(rest: &mut &[&str], word: &str) -> bool {
    let found = rest.first() == Some(&word);
    if found {
        *rest = &rest[1..];
    }
    found
}

/// `AND` binds closer than `OR` (SPDX specification 2.3, annex D.4).
fn any(rest: &mut &[&str], allow: &[&str]) -> Result<bool, String> {
    let mut verdict = all(rest, allow)?;
    while eat(rest, "OR") {
        verdict |= all(rest, allow)?;
    }
    Ok(verdict)
}

fn all(rest: &mut &[&str], allow: &[&str]) -> Result<bool, String> {
    let mut verdict = one(rest, allow)?;
    while eat(rest, "AND") {
        verdict &= one(rest, allow)?;
    }
    Ok(verdict)
}

fn one(rest: &mut &[&str], allow: &[&str]) -> Result<bool, String> {
    if eat(rest, "(") {
        let verdict = any(rest, allow)?;
        return if eat(rest, ")") {
            Ok(verdict)
        } else {
            Err("`)` is missing".to_owned())
        };
    }
    let Some((name, after)) = rest.split_first() else {
        return Err("a licence is missing".to_owned());
    };
    *rest = after;
    if !eat(rest, "WITH") {
        return Ok(allow.contains(name));
    }
    let Some((exception, after)) = rest.split_first() else {
        return Err("an exception is missing".to_owned());
    };
    *rest = after;
    Ok(allow.contains(&format!("{name} WITH {exception}").as_str()))
}

#[cfg(test)]
mod tests {
    use super::allowed;

    const ALLOW: &[&str] = &[
        "MIT",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "Unicode-3.0",
    ];

    #[test]
    fn one_allowed_choice_is_enough_and_every_part_of_it_is_needed() {
        for good in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/GPL-3.0",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "GPL-3.0 AND X OR MIT",
        ] {
            assert_eq!(allowed(good, ALLOW), Ok(true), "{good}");
        }
        for bad in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT OR Apache-2.0) AND X",
            "MIT WITH X",
            "GPL-3.0 OR X AND MIT",
        ] {
            assert_eq!(allowed(bad, ALLOW), Ok(false), "{bad}");
        }
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        for broken in ["", "MIT OR", "(MIT", "MIT MIT", "MIT WITH"] {
            assert!(allowed(broken, ALLOW).is_err(), "{broken}");
        }
    }
}

//! What is wrong with a request, part by part.

use super::{Attribute, InvalidTicket, Requirements, TicketPlayer, invalid};
use crate::id::Region;
use crate::limits::{
    ATTRIBUTE_BYTES_MAX, ATTRIBUTE_LIST_MAX, ATTRIBUTE_MAP_MAX, ATTRIBUTES_MAX, LATENCY_MAX_MS,
    SKILL_MAX,
};

pub(super) fn known_region(
    region: &Region,
    regions: &[Region],
    field: &str,
) -> Result<(), InvalidTicket> {
    if regions.contains(region) {
        return Ok(());
    }
    let known = regions
        .iter()
        .map(Region::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    Err(invalid(
        field,
        format!(
            "there is no region {:?}; there are {known}",
            region.as_str()
        ),
    ))
}

pub(super) fn check_player(
    player: &TicketPlayer,
    regions: &[Region],
    index: usize,
) -> Result<(), InvalidTicket> {
    if !player.skill.is_finite() || player.skill.abs() > SKILL_MAX {
        return Err(invalid(
            format!("players[{index}].skill"),
            format!("must be a number within ±{SKILL_MAX}"),
        ));
    }
    if !(0.0..=SKILL_MAX).contains(&player.skill_uncertainty) {
        return Err(invalid(
            format!("players[{index}].skill_uncertainty"),
            format!("must be a number from 0 to {SKILL_MAX}"),
        ));
    }
    for (region, latency_ms) in &player.latencies_ms {
        let field = format!("players[{index}].latencies_ms.{region}");
        known_region(region, regions, &field)?;
        if *latency_ms > LATENCY_MAX_MS {
            return Err(invalid(
                field,
                format!("{latency_ms} ms; at most {LATENCY_MAX_MS} is a latency"),
            ));
        }
    }
    if player.attributes.len() > ATTRIBUTES_MAX {
        return Err(invalid(
            format!("players[{index}].attributes"),
            format!("at most {ATTRIBUTES_MAX} are possible"),
        ));
    }
    for (key, value) in &player.attributes {
        if !good_attribute(value) || key.len() > ATTRIBUTE_BYTES_MAX {
            let key: String = key.chars().take(32).collect();
            let why = format!(
                "must be a finite number, a text of at most {ATTRIBUTE_BYTES_MAX} bytes, a list of at most \
                 {ATTRIBUTE_LIST_MAX} such texts, or at most {ATTRIBUTE_MAP_MAX} numbers by name"
            );
            return Err(invalid(format!("players[{index}].attributes.{key}"), why));
        }
    }
    Ok(())
}

fn good_attribute(value: &Attribute) -> bool {
    let short = |text: &String| text.len() <= ATTRIBUTE_BYTES_MAX;
    match value {
        Attribute::Number(number) => number.is_finite(),
        Attribute::Text(text) => short(text),
        Attribute::List(texts) => texts.len() <= ATTRIBUTE_LIST_MAX && texts.iter().all(short),
        Attribute::Map(numbers) => {
            let good = |(name, number): (&String, &f64)| short(name) && number.is_finite();
            numbers.len() <= ATTRIBUTE_MAP_MAX && numbers.iter().all(good)
        }
    }
}

pub(super) fn check_labels(requirements: &Requirements) -> Result<(), InvalidTicket> {
    if requirements.labels.len() > ATTRIBUTES_MAX {
        return Err(invalid(
            "requirements",
            format!("at most {ATTRIBUTES_MAX} are possible"),
        ));
    }
    let long = |text: &str| text.len() > ATTRIBUTE_BYTES_MAX;
    if requirements
        .labels
        .iter()
        .any(|(key, value)| long(key) || long(value))
        || requirements.preferred_zone.as_deref().is_some_and(long)
    {
        return Err(invalid(
            "requirements",
            format!("keys and values have at most {ATTRIBUTE_BYTES_MAX} bytes"),
        ));
    }
    Ok(())
}

//! The colours of effects, the same in every picture: red is low, white zero, blue high. Estimates have others, so that nobody
//! takes one for an effect: orange is low, purple high.

/// `ColorBrewer`'s `RdBu` as red, green and blue, from the lowest effect to the highest in equal steps.
pub const RED_WHITE_BLUE: [[u8; 3]; 11] = [
    [103, 0, 31],
    [178, 24, 43],
    [214, 96, 77],
    [244, 165, 130],
    [253, 219, 199],
    [247, 247, 247],
    [209, 229, 240],
    [146, 197, 222],
    [67, 147, 195],
    [33, 102, 172],
    [5, 48, 97],
];

/// Colour of an effect given as a fraction of the largest magnitude: -1 is red, 0 white, 1 blue, and between the stops of
/// [`RED_WHITE_BLUE`] it is linear. Beyond the ends it is the end's; not a number is white.
#[must_use]
pub fn diverging(fraction: f32) -> [u8; 3] {
    on_scale(&RED_WHITE_BLUE, fraction)
}

/// `ColorBrewer`'s `PuOr`, from the lowest estimate to the highest in equal steps.
pub const ORANGE_WHITE_PURPLE: [[u8; 3]; 11] = [
    [127, 59, 8],
    [179, 88, 6],
    [224, 130, 20],
    [253, 184, 99],
    [254, 224, 182],
    [247, 247, 247],
    [216, 218, 235],
    [178, 171, 210],
    [128, 115, 172],
    [84, 39, 136],
    [45, 0, 75],
];

/// Colour of an estimated effect, as [`diverging`] has one of effects.
#[must_use]
pub fn estimated(fraction: f32) -> [u8; 3] {
    on_scale(&ORANGE_WHITE_PURPLE, fraction)
}

fn on_scale(stops: &[[u8; 3]; 11], fraction: f32) -> [u8; 3] {
    let fraction = if fraction.is_nan() { 0.0 } else { fraction.clamp(-1.0, 1.0) };
    let mut above = (fraction + 1.0) * 5.0;
    for pair in stops.windows(2) {
        if above <= 1.0 {
            return std::array::from_fn(|channel| between(pair[0][channel], pair[1][channel], above));
        }
        above -= 1.0;
    }
    stops[10]
}

// Rounded, and between two bytes.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn between(low: u8, high: u8, part: f32) -> u8 {
    let (low, high) = (f32::from(low), f32::from(high));
    (low + (high - low) * part).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn red_is_low_white_zero_and_blue_high() {
        assert_eq!(diverging(-1.0), [103, 0, 31]);
        assert_eq!(diverging(0.0), [247, 247, 247]);
        assert_eq!(diverging(1.0), [5, 48, 97]);
        assert_eq!(diverging(0.4), [146, 197, 222]);
    }

    #[test]
    fn no_estimate_but_next_to_nothing_has_the_colour_of_an_effect() {
        let part = |part: i16| f32::from(part) / 100.0;
        let effects: Vec<_> = (-100..=100).map(|of| diverging(part(of))).collect();
        let alike = (-100..=100).filter(|&of| effects.contains(&estimated(part(of))));
        assert_eq!(alike.collect::<Vec<_>>(), [0]);
        assert_eq!([-1.0, 1.0].map(estimated), [[127, 59, 8], [45, 0, 75]]);
    }

    #[test]
    fn between_two_stops_it_is_in_their_middle() {
        assert_eq!(diverging(-0.1), [250, 233, 223]);
        assert_eq!(diverging(0.1), [228, 238, 244]);
    }

    #[test]
    fn beyond_the_ends_it_is_the_ends() {
        assert_eq!(diverging(f32::NEG_INFINITY), diverging(-1.0));
        assert_eq!(diverging(2.0), diverging(1.0));
        assert_eq!(diverging(f32::NAN), diverging(0.0));
    }
}

//! The colours of effects, the same in every picture: red is low, white zero, blue high.

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
    let fraction = if fraction.is_nan() { 0.0 } else { fraction.clamp(-1.0, 1.0) };
    let mut above = (fraction + 1.0) * 5.0;
    for stops in RED_WHITE_BLUE.windows(2) {
        if above <= 1.0 {
            return std::array::from_fn(|channel| between(stops[0][channel], stops[1][channel], above));
        }
        above -= 1.0;
    }
    RED_WHITE_BLUE[10]
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

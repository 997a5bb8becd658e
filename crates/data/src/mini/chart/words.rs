//! The words of the mini charts. The lists are short because the policy is small and is meant to
//! learn layout.

/// Titles.
pub const TITLES: [&str; 12] = [
    "Sales",
    "Energy use",
    "Visitors",
    "Rainfall",
    "Exports",
    "Orders",
    "Traffic",
    "Harvest",
    "Output",
    "Budget",
    "Downloads",
    "Prices",
];

/// Names of the two series; a chart uses one pair.
pub const PAIRS: [[&str; 2]; 8] = [
    ["north", "south"],
    ["east", "west"],
    ["plan", "actual"],
    ["old", "new"],
    ["city", "coast"],
    ["urban", "rural"],
    ["alpha", "beta"],
    ["rail", "road"],
];

/// Tick labels, with the noun that the prompt uses for them: four short families, then four long
/// ones. Horizontal labels of the short families fit under every point; the longest label of each
/// is too long for a narrow margin when it is rotated. Horizontal labels of the long families fit
/// only under every second point.
pub const LABELS: [(&str, [&str; 5]); 8] = [
    ("cities", ["London", "Madrid", "Vienna", "Dublin", "Oslo"]),
    ("metals", ["Copper", "Nickel", "Silver", "Cobalt", "Tin"]),
    ("animals", ["Horses", "Ducks", "Sheep", "Goats", "Geese"]),
    ("planets", ["Venus", "Mars", "Saturn", "Uranus", "Pluto"]),
    ("sectors", ["Manufacturing", "Construction", "Agriculture", "Public health", "Retail trade"]),
    ("regions", ["Scandinavia", "Mediterranean", "British Isles", "Central Europe", "Balkan states"]),
    ("products", ["Refrigerators", "Loudspeakers", "Coffee makers", "Power drills", "Lawn sprinklers"]),
    ("jobs", ["Receptionists", "Electricians", "Photographers", "Bus drivers", "Accountants"]),
];

/// How many families of [`LABELS`] are short.
pub const SHORT_FAMILIES: usize = 4;

/// Notes, so long that a note centred on an end point leaves the picture.
pub const NOTES: [&str; 6] = [
    "a new record for this week",
    "measured by one hand only",
    "shortly after the big storm",
    "closed for the whole winter",
    "first results from the north",
    "system was under repair",
];

/// Colours of the series: the held-back choice.
pub const HUES: [&str; 4] = ["teal", "orange", "crimson", "gray"];

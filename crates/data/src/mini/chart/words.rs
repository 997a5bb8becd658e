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

/// Tick labels, with the noun that the prompt uses for them: four short families, then three long
/// ones.
pub const LABELS: [(&str, [&str; 5]); 7] = [
    ("days", ["Mon", "Tue", "Wed", "Thu", "Fri"]),
    ("months", ["Jan", "Feb", "Mar", "Apr", "May"]),
    ("years", ["2021", "2022", "2023", "2024", "2025"]),
    ("rooms", ["A1", "A2", "A3", "A4", "A5"]),
    ("sectors", ["Manufacturing", "Construction", "Agriculture", "Public health", "Retail trade"]),
    ("regions", ["Scandinavia", "Mediterranean", "British Isles", "Central Europe", "Balkan states"]),
    ("products", ["Refrigerators", "Loudspeakers", "Coffee makers", "Power drills", "Lawn sprinklers"]),
];

/// How many families of [`LABELS`] are short.
pub const SHORT_FAMILIES: usize = 4;

/// Notes, so long that a note centred on an end point leaves the picture.
pub const NOTES: [&str; 6] = [
    "new record this week",
    "measured by hand only",
    "after the storm hit",
    "closed for the winter",
    "first results came in",
    "system under repair",
];

/// Colours of the series: a neutral choice.
pub const HUES: [&str; 4] = ["teal", "orange", "crimson", "gray"];

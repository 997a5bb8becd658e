//! The words of the mini pages. The lists are short because the policy is small and is meant to
//! learn layout.

pub use crate::mini::colors::{ACCENTED as TITLE_COLORS, LIGHT_PAGES as LIGHT_GROUNDS, PAGES as GROUNDS};

/// Titles: short ones fit into the window in every size; medium ones, and long ones with plain
/// letters, in all but the largest; long ones with spaced letters only in the smallest.
pub const TITLES: [[&str; 8]; 3] = [
    ["Sales", "Visitors", "Harvest", "City news", "Book club", "Concerts", "Timetable", "Rainfall"],
    [
        "The summer camp",
        "Our bus timetable",
        "Guests of the inn",
        "Games of the club",
        "Songs of the choir",
        "Trains on Sundays",
        "Museum of clocks",
        "Harvest in autumn",
    ],
    [
        "Visitors of the museum",
        "Books read this winter",
        "Guests of the old hotel",
        "Trains on the main line",
        "Bicycles on main roads",
        "Songs of the new choir",
        "Members of a new choir",
        "Walks around the lakes",
    ],
];

/// Families of labels: four of short words, three of medium and three of long ones.
pub const LABELS: [[&str; 4]; 10] = [
    ["Sun", "Moon", "Mars", "Venus"],
    ["Bread", "Milk", "Eggs", "Rice"],
    ["North", "South", "East", "West"],
    ["Cats", "Dogs", "Birds", "Fish"],
    ["Notebooks", "Keyboards", "Envelopes", "Sculptures"],
    ["Gardeners", "Mechanics", "Musicians", "Librarians"],
    ["Purchases", "Messages", "Questions", "Volunteers"],
    ["Subscriptions", "Cancellations", "Reservations", "Contributions"],
    ["Manufacturing", "Transportation", "Administration", "Competitions"],
    ["Archaeologists", "Photographers", "Veterinarians", "Receptionists"],
];

/// Indices in [`LABELS`] where the families of short, medium and long words begin, and the end.
pub const FAMILIES: [usize; 4] = [0, 4, 7, 10];

/// Texts of the button: narrow ones, and ones that fill the bottom of the window.
pub const BUTTONS: [[&str; 8]; 2] = [
    ["Buy now", "Sign up", "Order", "Details", "Contact us", "Join us", "Read more", "Start here"],
    [
        "Subscribe to the weekly letter of our museum",
        "Write to the office of the new city museum",
        "Read the full report of the last winter season",
        "Order tickets for the summer concert in May",
        "Find out more about the new public library",
        "Sign up here for the next reading evening",
        "Book your table for the big summer festival",
        "Show all the results of the last reading week",
    ],
];

/// Texts of the note.
pub const NOTES: [&str; 8] = [
    "Updated today",
    "New this week",
    "Only until May",
    "Beta version",
    "Almost sold out",
    "Popular choice",
    "Tested by us",
    "Free delivery",
];

/// Background colours of the button, all dark enough for white text: a neutral choice.
pub const ACCENTS: [&str; 4] = ["teal", "crimson", "purple", "sienna"];

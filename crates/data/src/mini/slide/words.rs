//! The words of the mini slides. The lists are short because the policy is small and is meant to
//! learn layout.

pub use crate::mini::colors::{ACCENTED as TEXT_COLORS, LIGHT_PAGES as LIGHT_GROUNDS, PAGES as GROUNDS};

/// Titles. Short ones fit beside every tag in every size; medium ones beside a wide tag in all but
/// the largest; long ones beside a narrow tag in all but the largest, beside a wide tag only in the
/// smallest.
pub const TITLES: [[&str; 8]; 3] = [
    [
        "Our harbour",
        "Bus lines",
        "Book club",
        "City parks",
        "The museum",
        "New trains",
        "Rainfall",
        "Farm shop",
    ],
    [
        "A summer at the harbour",
        "Our choir and its new hall",
        "News from the museum",
        "Plans for the main road",
        "Books for a new library",
        "Games of the book club",
        "Old trains on new lines",
        "Bicycles in the old town",
    ],
    [
        "What the visitors of the museum said",
        "How the harbour changed in ten years",
        "Everything about the many new bus lines",
        "Books that our members liked the most",
        "Farms and gardens in the south of town",
        "The summer concerts of our town choir",
        "Why more people travel by night train",
        "Parks and playgrounds of the old town",
    ],
];

/// Tags: the words of narrow ones, then of wide ones.
pub const TAGS: [[&str; 8]; 2] = [
    ["Draft", "Part two", "2024", "For staff", "Internal", "Preview", "Chapter 3", "Summary"],
    [
        "Report to the town council",
        "Meeting of all our members",
        "Lecture for new colleagues",
        "Results of the last season",
        "Prepared by the head office",
        "Notes for the spring seminar",
        "Third talk of the conference",
        "Talk for friends and partners",
    ],
];

/// Families of points: [`FAMILIES`] of short ones, of medium and of long ones.
pub const POINTS: [[&str; 6]; 12] = [
    [
        "Open on Sundays",
        "Free for pupils",
        "Near the station",
        "Seats for eighty",
        "Tea in the garden",
        "Tours on demand",
    ],
    [
        "Rooms with a view",
        "Boats by the hour",
        "A path to the lake",
        "Dogs are welcome",
        "Quiet after nine",
        "Bread from here",
    ],
    [
        "Two new buses",
        "Lights at night",
        "More bike lanes",
        "Fewer car parks",
        "Wider streets",
        "Safer crossings",
    ],
    [
        "Rain on ten days",
        "Frost until May",
        "Warm evenings",
        "Little wind so far",
        "Storms in June",
        "A dry autumn",
    ],
    [
        "Guests stay two nights",
        "Breakfast starts at six",
        "The pool opens in May",
        "Families pay one half",
        "Bicycles are for rent",
        "Trains stop every hour",
    ],
    [
        "More visitors than ever",
        "Fewer cars on weekends",
        "Shops stay open longer",
        "Schools get new books",
        "The market moves south",
        "Parks get more benches",
    ],
    [
        "Members vote in spring",
        "Lessons start in March",
        "Prices remain the same",
        "The hall needs a roof",
        "Choirs sing every week",
        "Tickets sell very fast",
    ],
    [
        "Farmers sow in autumn",
        "Apples ripen in August",
        "Bees need more flowers",
        "Wells are deep enough",
        "Tractors run on cells",
        "Milk is sold at doors",
    ],
    [
        "Visitors come from ten countries",
        "The old ferry sails once a week",
        "Guides speak several languages",
        "Children learn to build a boat",
        "Most rooms look out to the sea",
        "Concerts take place in summer",
    ],
    [
        "New trains need far less power",
        "Tickets are cheaper in the night",
        "Stations have lifts and ramps",
        "Drivers are trained for a year",
        "Delays went down by one third",
        "Every carriage has room for bikes",
    ],
    [
        "The library lends out tools too",
        "Readers can borrow for a month",
        "Volunteers repair broken spines",
        "Each school receives a parcel",
        "Evening talks are free of charge",
        "The archive is open to everyone",
    ],
    [
        "Solar roofs supply the town hall",
        "Old pumps were replaced in May",
        "The lake stays clean all summer",
        "Rain water feeds the fountains",
        "Street lamps use half the power",
        "Waste is collected twice a week",
    ],
];

/// How many families of [`POINTS`] have the same length.
pub const FAMILIES: usize = 4;

/// Texts of the footnote.
pub const NOTES: [&str; 8] = [
    "Updated today",
    "Source: town hall",
    "Figures of last year",
    "All prices in euros",
    "Not for resale",
    "Photo: city archive",
    "Subject to change",
    "Version of May",
];

/// Colours of the picture: a neutral choice. No text of a slide is readable on any of them.
pub const ACCENTS: [&str; 4] = ["gray", "steelblue", "sienna", "olive"];

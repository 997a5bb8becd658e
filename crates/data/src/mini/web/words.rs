//! The words of the mini pages. The lists are short because the policy is small and is meant to
//! learn layout.

/// Titles: short ones fit into the window in every size, medium ones in all but the largest, long
/// ones only in the smallest.
pub const TITLES: [[&str; 8]; 3] = [
    ["Sales", "Visitors", "Our garden", "Harvest", "City news", "Book club", "Bike rental", "Open shop"],
    [
        "Downloads per month",
        "News from the library",
        "Results of the season",
        "Members of our choir",
        "Visitors of the museum",
        "Orders of this summer",
        "Books read this winter",
        "Sales in the first week",
    ],
    [
        "Energy use of public buildings",
        "Harvest reports from all farms",
        "Results of the winter season",
        "Bicycles counted on main roads",
        "Downloads of the last release",
        "Sales of books by region in May",
        "New members of the sports club",
        "Overview of orders and returns",
    ],
];

/// Families of labels.
pub const LABELS: [[&str; 4]; 10] = [
    ["Sun", "Moon", "Mars", "Venus"],
    ["Bread", "Milk", "Eggs", "Rice"],
    ["North", "South", "East", "West"],
    ["Cats", "Dogs", "Birds", "Fish"],
    ["Notebooks", "Magazines", "Keyboards", "Bookcases"],
    ["Carpenters", "Gardeners", "Mechanics", "Employees"],
    ["Downloads", "Customers", "Purchases", "Reminders"],
    ["Subscriptions", "Cancellations", "Reservations", "Recommendations"],
    ["Manufacturing", "Transportation", "Communication", "Administration"],
    ["Archaeologists", "Photographers", "Veterinarians", "Receptionists"],
];

/// Indices in [`LABELS`] where the families of short, medium and long words begin, and the end.
pub const FAMILIES: [usize; 4] = [0, 4, 7, 10];

/// Texts of the button.
pub const BUTTONS: [&str; 8] =
    ["Buy now", "Sign up", "Order", "Details", "Contact us", "Join us", "Read more", "Start here"];

/// Texts of the note.
pub const NOTES: [&str; 8] = ["New", "Sale", "Beta", "Popular", "Limited", "Updated", "Premium", "Tested"];

/// Background colours of the button, all dark enough for white text: a neutral choice.
pub const ACCENTS: [&str; 4] = ["teal", "crimson", "purple", "sienna"];

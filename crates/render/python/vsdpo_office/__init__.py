"""What the office worker is made of: `kit` speaks to LibreOffice, `pdf` to PDFium, `deck` reads the slide size."""

"""What the pages are put together from. A folder, because Streamlit takes every file right under pages/ for a page."""

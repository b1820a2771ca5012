"""Everything Streamlit that is not a page: services, components, session keys, the sign-in gate."""

"""The base map and place tables that ship with Geoloc, made from Natural Earth and GeoNames."""

{{ movement_form('near_poor', ref('fct_poverty_movement')) }}

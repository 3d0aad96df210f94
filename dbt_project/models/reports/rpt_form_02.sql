{{ movement_form('poor', ref('fct_poverty_movement')) }}

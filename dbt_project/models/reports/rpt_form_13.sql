{{ review_form('near_poor', ref('fct_review_result'), ref('fct_household_review'), ref('fct_commune_profile')) }}

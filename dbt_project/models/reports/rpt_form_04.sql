{{ deprivation_form(
    'poor', ref('fct_review_result'), ref('fct_household_review'), ref('fct_household_deprivation'),
    ref('dim_deprivation')
) }}

with commune as (
    select
        period_code,
        standard_code,
        province_code,
        district_code,
        commune_code,
        household_count,
        population,
        poor_household_count,
        near_poor_household_count,
        declared_average_living_household_count as average_living_household_count,
        poor_member_count,
        near_poor_member_count,
        declared_average_living_member_count as average_living_member_count
    from {{ ref('fct_review_result') }}
    where poor_household_count is not null
),

{{ official_form([
    'household_count', 'population', 'poor_household_count', 'near_poor_household_count',
    'average_living_household_count', 'poor_member_count', 'near_poor_member_count', 'average_living_member_count',
]) }}

select
    {{ official_form_keys() }},
    household_count,
    population,
    poor_household_count,
    {{ official_form_rate('poor_household_count', 'household_count') }} as poor_household_rate,
    near_poor_household_count,
    {{ official_form_rate('near_poor_household_count', 'household_count') }} as near_poor_household_rate,
    average_living_household_count,
    {{ official_form_rate('average_living_household_count', 'household_count') }} as average_living_household_rate,
    poor_member_count,
    {{ official_form_rate('poor_member_count', 'population') }} as poor_member_rate,
    near_poor_member_count,
    {{ official_form_rate('near_poor_member_count', 'population') }} as near_poor_member_rate,
    average_living_member_count,
    {{ official_form_rate('average_living_member_count', 'population') }} as average_living_member_rate,
    commune_count
from form

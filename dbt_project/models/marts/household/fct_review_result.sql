{#- In the order of the form but for the living standard, which is declared and of which there is no list. -#}
{%- set profile_columns = ['household_count', 'population'] -%}
{%- set counted_columns = [
    'poor_household_count', 'near_poor_household_count', 'poor_member_count', 'near_poor_member_count',
] -%}
{%- set living_standard_columns = ['average_living_household_count', 'average_living_member_count'] -%}

with form as (
    select
        review.submission_id,
        review.sheet_name,
        review.row_number,
        review.period_code,
        review.review_year,
        standard.standard_code,
        place.admin_unit_key,
        place.commune_code,
        place.district_code,
        place.province_code,
        {%- for column in profile_columns + counted_columns + living_standard_columns %}
            review.{{ column }},
        {%- endfor %}
        -- of several rows for a commune and year, that of its own district counts, then the one received last
        row_number() over (
            partition by place.commune_code, review.review_year, standard.standard_code
            order by
                case when review.sender_code = place.reporting_sender_code then 0 else 1 end,
                review.submission_id desc,
                review.row_number
        ) as form_rank
    from {{ ref('stg_review_result') }} as review
    inner join {{ ref('int_report__form_standard') }} as standard on review.submission_id = standard.submission_id
    inner join {{ ref('int_place__resolved') }} as place
        on
            review.commune_code = place.named_commune_code
            and review.period_end_on = place.named_on
            and review.period_end_on = place.placed_on
),

declared as (
    select *
    from form
    where form_rank = 1
),

reviewed as (
    select
        movement.commune_code,
        movement.review_year,
        movement.standard_code,
        min(movement.period_code) as period_code,
        min(movement.admin_unit_key) as admin_unit_key,
        min(movement.district_code) as district_code,
        min(movement.province_code) as province_code,
        min(movement.poor_end) filter (where movement.counted = 'households') as poor_household_count,
        min(movement.near_poor_end) filter (where movement.counted = 'households') as near_poor_household_count,
        min(movement.poor_end) filter (where movement.counted = 'persons') as poor_member_count,
        min(movement.near_poor_end) filter (where movement.counted = 'persons') as near_poor_member_count
    from {{ ref('fct_poverty_movement') }} as movement
    where movement.poor_end is not null
    group by movement.commune_code, movement.review_year, movement.standard_code
),

counted as (
    select
        reviewed.*,
        coalesce(list.has_held_row, false) as has_held_row
    from reviewed
    left join {{ ref('int_household__by_commune') }} as list
        on
            reviewed.commune_code = list.commune_code
            and reviewed.review_year = list.review_year
            and reviewed.standard_code = list.standard_code
),

side_by_side as (
    select
        coalesce(counted.commune_code, declared.commune_code) as commune_code,
        coalesce(counted.review_year, declared.review_year) as review_year,
        coalesce(counted.standard_code, declared.standard_code) as standard_code,
        coalesce(counted.period_code, declared.period_code) as period_code,
        coalesce(declared.admin_unit_key, counted.admin_unit_key) as admin_unit_key,
        coalesce(counted.district_code, declared.district_code) as district_code,
        coalesce(counted.province_code, declared.province_code) as province_code,
        counted.has_held_row,
        {%- for column in counted_columns %}
            counted.{{ column }},
        {%- endfor %}
        {%- for column in profile_columns + counted_columns + living_standard_columns %}
            declared.{{ column }} as declared_{{ column }},
        {%- endfor %}
        declared.submission_id,
        declared.sheet_name,
        declared.row_number
    from counted
    full join declared
        on
            counted.commune_code = declared.commune_code
            and counted.review_year = declared.review_year
            and counted.standard_code = declared.standard_code
)

select
    result.commune_code,
    result.review_year,
    result.standard_code,
    result.period_code,
    result.admin_unit_key,
    result.district_code,
    result.province_code,
    {%- for column in profile_columns %}
        profile.{{ column }},
    {%- endfor %}
    {%- for column in counted_columns %}
        result.{{ column }},
    {%- endfor %}
    {%- for column in profile_columns + counted_columns + living_standard_columns %}
        result.declared_{{ column }},
    {%- endfor %}
    {%- for column in profile_columns %}
        result.declared_{{ column }} - profile.{{ column }} as gap_{{ column }},
    {%- endfor %}
    -- a list of which a row is held counts too few
    {%- for column in counted_columns %}
        case when not result.has_held_row then result.declared_{{ column }} - result.{{ column }} end
            as gap_{{ column }},
    {%- endfor %}
    result.submission_id,
    result.sheet_name,
    result.row_number
from side_by_side as result
left join {{ ref('fct_commune_profile') }} as profile
    on
        result.commune_code = profile.commune_code
        and result.review_year = profile.year

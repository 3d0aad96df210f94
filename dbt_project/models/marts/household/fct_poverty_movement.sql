with declared as (
    select
        review_year,
        standard_code,
        commune_code,
        counted_code,
        min(period_code) as period_code,
        min(admin_unit_key) as admin_unit_key,
        min(district_code) as district_code,
        min(province_code) as province_code,
    {%- for form_code, columns in movement_columns().items() %}
        {%- for column in columns %}
            min(figures[{{ loop.index }}]) filter (where form_code = '{{ form_code }}')
                as {{ form_code }}_{{ column }},
        {%- endfor %}
        min(submission_id) filter (where form_code = '{{ form_code }}') as {{ form_code }}_submission_id,
        min(sheet_name) filter (where form_code = '{{ form_code }}') as {{ form_code }}_sheet_name,
        min(row_number) filter (where form_code = '{{ form_code }}') as {{ form_code }}_row_number
        {{- ',' if not loop.last }}
    {%- endfor %}
    from {{ ref('int_movement__form') }}
    group by review_year, standard_code, commune_code, counted_code
),

place as (
    select distinct on (commune_code, placed_on)
        commune_code,
        extract(year from placed_on)::integer as review_year,
        admin_unit_key
    from {{ ref('int_place__resolved') }}
    where placed_on = make_date(extract(year from placed_on)::integer, 12, 31)
    order by commune_code, placed_on, admin_unit_key
)

select
    coalesce(counted.commune_code, declared.commune_code) as commune_code,
    coalesce(counted.review_year, declared.review_year) as review_year,
    coalesce(counted.standard_code, declared.standard_code) as standard_code,
    coalesce(counted.counted_code, declared.counted_code) as counted,
    coalesce(counted.period_code, declared.period_code) as period_code,
    coalesce(declared.admin_unit_key, place.admin_unit_key) as admin_unit_key,
    coalesce(counted.district_code, declared.district_code) as district_code,
    coalesce(counted.province_code, declared.province_code) as province_code,
    {%- for form_code, columns in movement_columns().items() %}
        {%- for column in columns %}
            counted.{{ form_code }}_{{ column }},
        {%- endfor %}
    {%- endfor %}
    {%- for form_code, columns in movement_columns().items() %}
        {%- for column in columns %}
            declared.{{ form_code }}_{{ column }} as declared_{{ form_code }}_{{ column }},
        {%- endfor %}
    {%- endfor %}
    -- a list of which a row is held counts too few
    {%- for form_code, columns in movement_columns().items() %}
        {%- for column in columns %}
            case
                when not counted.has_held_row
                    then declared.{{ form_code }}_{{ column }} - counted.{{ form_code }}_{{ column }}
            end as gap_{{ form_code }}_{{ column }},
        {%- endfor %}
    {%- endfor %}
    counted.unexplained_count,
    {%- for form_code in movement_columns() %}
        counted.{{ form_code }}_end_before,
        counted.{{ form_code }}_start - counted.{{ form_code }}_end_before as start_gap_{{ form_code }},
    {%- endfor %}
    declared.poor_submission_id,
    declared.poor_sheet_name,
    declared.poor_row_number,
    declared.near_poor_submission_id,
    declared.near_poor_sheet_name,
    declared.near_poor_row_number
from {{ ref('int_movement__counted') }} as counted
full join declared
    on
        counted.review_year = declared.review_year
        and counted.standard_code = declared.standard_code
        and counted.commune_code = declared.commune_code
        and counted.counted_code = declared.counted_code
left join place
    on
        counted.commune_code = place.commune_code
        and counted.review_year = place.review_year
